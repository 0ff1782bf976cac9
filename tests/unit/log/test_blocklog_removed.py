"""A log that is moved, removed or cut while its client runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from clientapp.core.errors import CouldNot
from clientapp.log.blocklog import BlockLog
from clientapp.wire.from_server import Ack
from clientapp.wire.verdict import Verdict
from tests.support.block_logs import ALICE


def replace(path: Path) -> None:
    """Replace the log, as a tool does that rotates logs."""
    path.rename(path.with_suffix(".log.1"))
    path.touch()


def cut(path: Path) -> None:
    """Empty the log, as ``: > alice.log`` does."""
    os.truncate(path, 0)


@pytest.mark.parametrize("write", ["sync", "append"])
@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (Path.unlink, "was removed while it was being written"),
        (lambda path: path.rename(path.with_suffix(".1")), "was renamed while it was being"),
        (replace, "was replaced by another file while it was being written"),
        (cut, r"was cut short from \d+ to 0 bytes while it was being written"),
    ],
    ids=["removed", "renamed", "replaced", "cut"],
)
def test_removed_or_replaced_log_is_noticed(
    tmp_path: Path, harm: Callable[[Path], object], sentence: str, write: str
) -> None:
    """Nothing is written to, or reported from, a log that the next start will not find."""
    path = tmp_path / "alice.log"
    with BlockLog(path) as log:
        log.begin(ALICE)
        log.sync()
        harm(path)
        ack = Ack(block=1, verdict=Verdict.VERIFIED, reason="")
        written = log.sync if write == "sync" else partial(log.note, ack)
        with pytest.raises(CouldNot, match=rf"alice\.log {sentence}"):
            written()


def test_log_may_be_a_link(tmp_path: Path) -> None:
    """A symbolic link, or a second name of the file, is not a replacement."""
    path, link = tmp_path / "alice.log", tmp_path / "link.log"
    path.touch()
    link.symlink_to(path)
    with BlockLog(link) as log:
        log.begin(ALICE)
        os.link(path, tmp_path / "second.log")
        log.sync()
