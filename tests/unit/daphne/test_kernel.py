"""Counters of the kernel for sockets."""

import socket
import sys

import pytest

from feeds.daphne import kernel


@pytest.mark.skipif(sys.platform != "linux", reason="other systems may not report it")
def test_unread_bytes_of_a_unix_socket_are_known() -> None:
    """Bytes count until the other end has read them."""
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert kernel.unread(ours) == 0
        ours.sendall(bytes(1000))
        assert kernel.unread(ours) >= 1000
        theirs.recv(1000)
        assert kernel.unread(ours) == 0
        assert kernel.traffic(ours) is None


def test_tcp_socket_has_counters_of_its_own() -> None:
    """A TCP socket has counters of its own, so nothing is added."""
    with socket.socket() as one:
        assert kernel.unread(one) == 0
