"""Hosts and failed connections in words."""

import errno
import socket

import pytest

from clientapp.network import describe, is_loopback


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("h", False)],
)
def test_loopback(host: str, *, expected: bool) -> None:
    """Loopback is known by its addresses and by its name."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"), "connection refused"),
        (
            OSError(f"Multiple exceptions: [Errno {errno.ECONNREFUSED}] Connect call, [Errno 99]"),
            "connection refused",
        ),
        (socket.gaierror(-2, "Name or service not known"), "name or service not known"),
        (TimeoutError(), "nothing was heard in time"),
    ],
)
def test_describe(error: OSError, words: str) -> None:
    """A failed connection is told in the words of the operating system."""
    assert describe(error) == words
