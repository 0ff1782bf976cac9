"""Faults put into a copy of a real client's log: ``verify`` names each."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.block_logs import seal
from tests.support.forks import run
from tests.support.stack import CHECKOUT, Stack
from tools.waiting import PATIENCE_SECONDS

Spoil = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a log of three blocks of five from offset 1 on, written by the real client."""
    stack = Stack(tmp_path_factory.mktemp("collected"))
    try:
        server = stack.server()
        alice = stack.client("alice", "--block-size=5", "--blocks=3")
        server.wait_for("alice connected")
        stack.generator("--feed=users", "--rate=50")
        assert alice.process.wait(PATIENCE_SECONDS) == 0, alice.said
    finally:
        stack.close()
    return stack.log("alice").read_bytes()


def line_of(log: bytes, offset: int) -> bytes:
    """Return the line of a message, with its line feed."""
    (line,) = (line for line in log.splitlines(keepends=True) if b" users %d " % offset in line)
    return line


def lose(log: bytes) -> bytes:
    """Remove a message."""
    return log.replace(line_of(log, 8), b"")


def double(log: bytes) -> bytes:
    """Duplicate a message."""
    line = line_of(log, 8)
    return log.replace(line, line * 2)


def swap(log: bytes) -> bytes:
    """Swap two messages."""
    one, other = line_of(log, 8), line_of(log, 9)
    return log.replace(one + other, other + one)


def alter_record(log: bytes) -> bytes:
    """Change a letter of a record."""
    line = line_of(log, 8)
    at = line.index(b'"name":"') + len(b'"name":"')
    return log.replace(line, line[:at] + b"X" + line[at + 1 :])


def alter_checksum(log: bytes) -> bytes:
    """Change a digit of a message's checksum."""
    line = line_of(log, 8)
    stamp, feed, offset, crc, record = line.split(b" ", 4)
    crc = bytes([ord(b"1") if crc[:1] == b"0" else ord(b"0")]) + crc[1:]
    return log.replace(line, b" ".join((stamp, feed, offset, crc, record)))


def verify(log: bytes, folder: Path) -> tuple[int, str]:
    """Return the exit code of the command, and its output."""
    copy = folder / "copy.log"
    copy.write_bytes(log)
    done = run(
        [sys.executable, "-m", "clientapp", "verify", str(copy)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_unspoiled_log_is_whole(collected: bytes, tmp_path: Path) -> None:
    """The log itself is whole, and sealing it again changes nothing."""
    assert seal(collected) == collected
    code, said = verify(collected, tmp_path)
    assert (code, said.splitlines()[0]) == (0, f"{tmp_path / 'copy.log'}: whole")


CHECKSUM = "block 2 does not match its checksum"
DIGEST = "the header says digest of users"
NAMES: dict[str, tuple[Spoil, list[str]]] = {
    "lost": (lose, ["users 9 follows users 7, and no gap is noted", DIGEST]),
    "doubled": (double, ["users 8 stands after users 8", DIGEST]),
    "swapped": (swap, ["users 8 stands after users 9", DIGEST]),
    "altered": (alter_checksum, [DIGEST]),
}
"""For each kind of fault: the function that makes it, and the messages about it, sealed or not."""


@pytest.mark.parametrize(("spoil", "names"), NAMES.values(), ids=NAMES)
def test_each_fault_is_named(
    spoil: Spoil, names: list[str], collected: bytes, tmp_path: Path
) -> None:
    """Each fault is named; the block's checksum also reveals it, unless that was updated."""
    spoiled = spoil(collected)
    assert spoiled != collected
    for log, is_sealed in ((spoiled, False), (seal(spoiled), True)):
        code, said = verify(log, tmp_path)
        assert code == 1
        assert [name for name in names if name not in said] == [], said
        assert (CHECKSUM in said) is not is_sealed, said
        assert "block 1 " not in said
        assert "block 3 " not in said


def test_altered_record_is_noticed(collected: bytes, tmp_path: Path) -> None:
    """An altered record contradicts the checksum of its block."""
    code, said = verify(alter_record(collected), tmp_path)
    assert code == 1
    assert CHECKSUM in said
