"""The block log: complete blocks can be read back, and a torn tail is cut."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clientapp.core.block import Block, BlockBuilder
from clientapp.core.errors import CouldNot
from clientapp.core.session import Session
from clientapp.core.stamp import Stamp
from clientapp.log.blocklog import BlockLog
from clientapp.log.format import format_message
from clientapp.log.reader import read_tail
from clientapp.wire.message import Message
from clientapp.wire.position import Position
from tests.support.log_oracle import read_log

EPOCH = "0123456789ab"
FIRST = Session(
    client="alice",
    session="first-session-key",
    url="ws://127.0.0.1:8000/",
    feeds=("users",),
    block_size=2,
    select=("name",),
)
SECOND = replace(FIRST, session="second-session-key", block_size=1)


def blocks(session: Session, count: int, after: int = 0) -> Iterator[Block]:
    """Yield blocks of *session* that follow the offset *after*."""
    builder = BlockBuilder(session, 1)
    for offset in range(after + 1, after + 1 + count * session.block_size):
        data = {"name": "Gödel\n=== end of block 1: \x85 \ud800"}
        message = Message("users", offset, 0, data, crc=offset)
        stamp = Stamp(1_795_250_000_000_000 + offset, float(offset))
        builder.add(message, EPOCH, stamp, format_message(message, message.data, stamp))
        if builder.is_full:
            yield builder.finish({"users": Position(EPOCH, offset)})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a log with two sessions, two blocks each."""
    path = tmp_path / "folder" / "alice.log"
    with BlockLog(path) as log:
        after = 0
        for session in (FIRST, SECOND):
            log.begin(session)
            for block in blocks(session, 2, after):
                log.append(block)
            log.sync()
            after = 4
    return path


def test_log_is_private(path: Path) -> None:
    """A log holds the key of its session: only its owner may read it, whatever made it before."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    BlockLog(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_other_files_keep_their_mode(tmp_path: Path) -> None:
    """A file that is not a block log is not touched."""
    path = tmp_path / "notes"
    path.write_text("not a log\n")
    path.chmod(0o644)
    with pytest.raises(CouldNot):
        BlockLog(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_log_has_the_documented_format(path: Path) -> None:
    """A reader that knows only the documented format reads the whole log."""
    sessions = read_log(path)
    assert [session.asked for session in sessions] == [
        {**FIRST.write(), "feeds": ["users"], "select": ["name"]},
        {**SECOND.write(), "feeds": ["users"], "select": ["name"]},
    ]
    messages = [block.messages for session in sessions for block in session.blocks]
    record = {"name": "Gödel\n=== end of block 1: \x85 \ud800"}
    groups = ([1, 2], [3, 4], [5], [6])
    assert messages == [[("users", offset, record) for offset in group] for group in groups]


def test_reopened_log_knows_its_last_block(path: Path) -> None:
    """A reopened log has the session and the last block of the earlier run."""
    with BlockLog(path) as log:
        assert log.session == SECOND
        assert log.last is not None
        assert log.last.report == list(blocks(SECOND, 2, 4))[-1].report
        assert log.last.positions == {"users": Position(EPOCH, 6)}


@pytest.mark.parametrize(("number", "expected"), [(0, [1, 2]), (1, [2]), (2, [])])
def test_reports_are_read_back_in_order(path: Path, number: int, expected: list[int]) -> None:
    """Reports are read back in order, from the last session only."""
    with BlockLog(path) as log:
        assert [report.block for report in log.reports_above(number)] == expected


def test_new_block_can_be_reported_at_once(path: Path) -> None:
    """The report of a block can be read back as soon as it is written."""
    with BlockLog(path) as log:
        written = [block for block in blocks(SECOND, 3, 4) if block.report.block == 3]
        log.append(written[0])
        assert log.reports_above(2) == [written[0].report]


def test_cut_at_every_byte(path: Path, tmp_path: Path) -> None:
    """Wherever a log is cut, it keeps everything up to its last complete line or block."""
    whole = path.read_bytes()
    ends = [0]
    for line_end in range(len(whole)):
        line_start = whole.rfind(b"\n", 0, line_end) + 1
        line = whole[line_start : line_end + 1]
        if line.endswith(b"\n") and line.startswith((b"# session ", b"=== end ")):
            ends.append(line_end + 1)
    assert len(ends) == 7
    torn = tmp_path / "torn.log"
    for size in range(len(b"# session {"), len(whole) + 1):
        torn.write_bytes(whole[:size])
        with BlockLog(torn) as log:
            expected = max(end for end in ends if end <= size)
            assert (log.torn_bytes, torn.read_bytes()) == (size - expected, whole[:expected])


def test_appending_to_a_cut_log(path: Path) -> None:
    """After a cut the log continues as if nothing had happened."""
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with BlockLog(path) as log:
        log.append(list(blocks(SECOND, 2, 4))[-1])
    assert path.read_bytes() == whole


def test_damaged_block_is_cut(path: Path) -> None:
    """A last block with a wrong checksum is cut."""
    whole = path.read_bytes()
    at = whole.rfind(b"users 6 ")
    path.write_bytes(whole[:at] + b"USERS" + whole[at + 5 :])
    with BlockLog(path) as log:
        assert log.last is not None
        assert (log.last.report.block, log.torn_bytes > 0) == (1, True)


@pytest.mark.parametrize(
    "text",
    [
        b"Dear Ada,\n",
        b"#",
        b"# session notes of Monday",
        b'# session {"format":2,"client":"alice"}\n',
        b"# session {}\n=== block 1\n",
        b"\0" * 100,
    ],
)
def test_foreign_file_stays_unchanged(tmp_path: Path, text: bytes) -> None:
    """A file that is not a block log is refused, and no byte of it changes."""
    path = tmp_path / "letter"
    path.write_bytes(text)
    with pytest.raises(CouldNot, match="is not a block log, and was not changed"):
        BlockLog(path)
    assert path.read_bytes() == text


def test_second_writer_is_refused(path: Path) -> None:
    """A log that is open elsewhere cannot be opened until it is closed."""
    with BlockLog(path), pytest.raises(CouldNot, match="another client writes the log"):
        BlockLog(path)
    BlockLog(path).close()


def test_folder_is_not_a_log(tmp_path: Path) -> None:
    """If a log cannot be opened for writing, the error names its path and the reason."""
    with pytest.raises(CouldNot, match=r"cannot be opened: Is a directory"):
        BlockLog(tmp_path)


def test_device_is_not_a_log() -> None:
    """A log must be a file that can be truncated and synced."""
    with pytest.raises(CouldNot, match="is not a regular file"):
        BlockLog(Path("/dev/null"))


def test_empty_log() -> None:
    """An empty text has no session and no torn tail."""
    tail = read_tail(b"")
    assert (tail.session, tail.end, tail.last) == (None, 0, None)
