"""A block log in a place that does not allow all that a log needs."""

import fcntl
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clientapp.core.errors import CouldNot
from clientapp.log.blocklog import BlockLog
from tests.support.block_logs import BOB, session_log, users

NOBODY = 65534
HUGE = 2**41
"""Bytes of a file with a hole: no disk is needed for it."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs files of Linux")


@contextmanager
def ordinary_user(folder: Path) -> Iterator[None]:
    """Be somebody to whom the mode of *folder*, which is theirs, means something."""
    if os.geteuid() != 0:
        yield
        return
    os.chown(folder, NOBODY, -1)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def address_space(size: int) -> Iterator[None]:
    """Let this process map *size* bytes at most."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture
def memory() -> Iterator[tuple[int, Path]]:
    """Return a file in memory, and a path of it in a folder that cannot be synced."""
    file = os.memfd_create("log", os.MFD_ALLOW_SEALING)
    yield file, Path(f"/proc/self/fd/{file}")
    os.close(file)


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log is kept also in a folder whose names one may not list."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o300)
    # From within, for nobody else may pass the folders above.
    monkeypatch.chdir(folder)
    with ordinary_user(folder), BlockLog(Path("bob.log")) as log:
        log.begin(BOB)
        log.sync()
        assert log.session == BOB


def test_a_folder_that_cannot_be_synced(memory: tuple[int, Path]) -> None:
    """A log is kept also where the file system has no sync of folders."""
    with BlockLog(memory[1]) as log:
        log.begin(BOB)
        assert log.session == BOB


def test_a_torn_tail_that_cannot_be_cut(memory: tuple[int, Path]) -> None:
    """Where a log cannot be made whole, a sentence says so, and it stays as it is."""
    file, path = memory
    torn = session_log(BOB, users(1, 3))[:-1]
    os.write(file, torn)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    with pytest.raises(CouldNot, match=f"the log {path} cannot be opened: Operation not"):
        BlockLog(path)
    assert path.read_bytes() == torn


def test_a_log_that_cannot_be_mapped(tmp_path: Path) -> None:
    """A log for which there is no room in memory is refused in a sentence."""
    path = tmp_path / "bob.log"
    path.write_bytes(session_log(BOB, users(1, 3)))
    os.truncate(path, HUGE)
    with (
        address_space(HUGE // 2),
        pytest.raises(CouldNot, match=r"bob\.log cannot be read: Cannot allocate memory"),
    ):
        BlockLog(path)


def test_reading_back_what_cannot_be_mapped(tmp_path: Path) -> None:
    """So it is while the client runs: it is no fault of the connection."""
    path = tmp_path / "bob.log"
    path.write_bytes(session_log(BOB, users(1, 3)))
    with BlockLog(path) as log, address_space(HUGE // 2):
        os.truncate(path, HUGE)
        for read in (log.reports_above, log.checksums):
            with pytest.raises(CouldNot, match=r"bob\.log cannot be read: Cannot allocate memory"):
                read(0)
