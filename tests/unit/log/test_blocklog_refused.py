"""Block logs in places that lack something a log needs."""

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
"""Size of a sparse file in bytes; it takes no disk space."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@contextmanager
def ordinary_user(folder: Path) -> Iterator[None]:
    """Run as a user who owns *folder* and to whom its mode applies."""
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
    """Limit the address space of this process to *size* bytes."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture
def memory() -> Iterator[tuple[int, Path]]:
    """Return a file in memory, and its path in a folder that cannot be synced."""
    file = os.memfd_create("log", os.MFD_ALLOW_SEALING)
    yield file, Path(f"/proc/self/fd/{file}")
    os.close(file)


def test_folder_may_be_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log works in a folder whose files may not be listed."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o300)
    # From within, because the folders above cannot be passed by this user.
    monkeypatch.chdir(folder)
    with ordinary_user(folder), BlockLog(Path("bob.log")) as log:
        log.begin(BOB)
        log.sync()
        assert log.session == BOB


def test_folder_may_lack_sync(memory: tuple[int, Path]) -> None:
    """A log works on a file system that cannot sync folders."""
    with BlockLog(memory[1]) as log:
        log.begin(BOB)
        assert log.session == BOB


def test_torn_tail_that_cannot_be_cut_is_reported(memory: tuple[int, Path]) -> None:
    """If the torn tail cannot be cut, a sentence says so, and the log stays unchanged."""
    file, path = memory
    torn = session_log(BOB, users(1, 3))[:-1]
    os.write(file, torn)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    with pytest.raises(CouldNot, match=f"the log {path} cannot be opened: Operation not"):
        BlockLog(path)
    assert path.read_bytes() == torn


def test_log_too_large_for_memory_is_refused(tmp_path: Path) -> None:
    """A log that cannot be mapped into memory is refused in one sentence."""
    path = tmp_path / "bob.log"
    path.write_bytes(session_log(BOB, users(1, 3)))
    os.truncate(path, HUGE)
    with (
        address_space(HUGE // 2),
        pytest.raises(CouldNot, match=r"bob\.log cannot be read: Cannot allocate memory"),
    ):
        BlockLog(path)


def test_reading_back_a_log_too_large_for_memory_fails(tmp_path: Path) -> None:
    """Reading back fails with the same sentence, not with an error about the connection."""
    path = tmp_path / "bob.log"
    path.write_bytes(session_log(BOB, users(1, 3)))
    with BlockLog(path) as log, address_space(HUGE // 2):
        os.truncate(path, HUGE)
        for read in (log.reports_above, log.checksums):
            with pytest.raises(CouldNot, match=r"bob\.log cannot be read: Cannot allocate memory"):
                read(0)
