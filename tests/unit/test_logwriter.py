"""The handler that writes log lines without waiting for their reader."""

import logging
import os
import re

from feeds import logwriter
from feeds.logwriter import LogWriter


def record(text: str) -> logging.LogRecord:
    """Return a record with this text."""
    return logging.LogRecord("feeds", logging.INFO, __file__, 1, text, (), None)


def test_pipe_that_nobody_reads_stops_nobody() -> None:
    """Lines that nobody reads are kept up to a limit, then counted; none is torn."""
    reading, writing = os.pipe()
    handler = LogWriter(writing)
    count, text = 600, "x" * 4000
    for _ in range(count):
        handler.emit(record(text))  # would block for ever
    with os.fdopen(reading, "rb") as pipe:
        lines: list[bytes] = []
        while not (lines and b"dropped" in lines[-1]):
            lines.append(pipe.readline())
        *kept, last = lines
        assert set(kept) == {text.encode() + b"\n"}
        dropped = re.fullmatch(rb"(\d+) lines of the log were dropped: nobody read them\n", last)
        assert dropped is not None
        assert len(kept) + int(dropped[1]) == count
        assert len(kept) >= logwriter.MOST_BYTES // len(text) - 1
        handler.emit(record("later"))
        assert pipe.readline() == b"later\n"
    os.close(writing)


def test_last_lines_are_written() -> None:
    """A program that ends waits for its lines, if somebody reads them."""
    reading, writing = os.pipe()
    handler = LogWriter(writing)
    for number in range(100):
        handler.emit(record(f"line {number}"))
    handler.flush()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read().splitlines() == [b"line %d" % number for number in range(100)]


def test_reader_that_left_is_no_error() -> None:
    """Lines for a pipe whose reader has closed it are lost, and the program continues."""
    reading, writing = os.pipe()
    os.close(reading)
    handler = LogWriter(writing)
    for _ in range(3):
        handler.emit(record("lost"))
    handler.flush()
    os.close(writing)


def test_fork_has_its_own_thread() -> None:
    """A forked process writes its lines, and none of its parent's twice."""
    reading, writing = os.pipe()
    handler = LogWriter(writing)
    handler.emit(record("parent"))
    handler.flush()
    child = os.fork()
    if not child:
        handler.emit(record("child"))
        handler.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"parent\nchild\n"
