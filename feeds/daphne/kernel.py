"""
The kernel's buffers for a socket, and its counters of bytes sent and received.

A slow client's backlog should be in its cursor, which is one integer, and not in kernel memory,
where nobody sees it.
"""

from __future__ import annotations

import fcntl
import resource
import socket
import termios
from struct import Struct, error
from typing import Any

from feeds.core.patience import Traffic

UNSENT_BYTES = 16 * 2**10
"""Unsent bytes that the kernel may hold for a socket."""
UNREAD_BYTES = 32 * 2**10
"""Received bytes that the kernel may hold until the server reads them; Linux doubles
this. Clients send little, so a window of this size does not delay them."""

_TCP_NOTSENT_LOWAT = 25
"""The option's number on Linux; Python has a name for it from 3.12 on."""
_TCP_INFO = Struct("@24x I 92x QQ 8x I")
"""From Linux' ``struct tcp_info``: tcpi_unacked, tcpi_bytes_acked,
tcpi_bytes_received and tcpi_notsent_bytes (since Linux 4.6)."""

_INT = Struct("@i")


def allow_files(wanted: int) -> int:
    """
    Let this process open *wanted* files, or as many as allowed; return the number.

    Each connection is a file, and the default limit in a shell is 1,024.
    """
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if allowed == unlimited or allowed >= wanted:
        return wanted
    within = wanted if most == unlimited else min(wanted, most)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (within, most))
    except (OSError, ValueError):  # the limit of macOS is below the reported one
        return allowed
    return within


def tune(sock: socket.socket) -> None:
    """Limit the kernel's buffers of *sock* in both directions; let it send without a pause."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNREAD_BYTES)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * UNSENT_BYTES)


def traffic(sock: socket.socket) -> Traffic | None:
    """Return the byte counts of *sock*; None if the system does not report them."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        in_flight, taken, received, unsent = _TCP_INFO.unpack(info)
    except (AttributeError, OSError, error):
        return None
    return Traffic(
        taken=taken,
        received=received,
        in_flight=in_flight > 0,
        waits=in_flight > 0 or unsent > 0,
    )


def unsent(transport: Any) -> int:
    """Return the bytes that *transport*, Twisted's for plain TCP, holds for its socket."""
    held: int = len(transport.dataBuffer) - transport.offset + transport._tempDataLen  # noqa: SLF001  no public name
    return held


def unread(sock: socket.socket) -> int:
    """Return the bytes in the kernel that the other end of a Unix socket has not read."""
    if sock.family != socket.AF_UNIX:
        return 0
    try:
        (held,) = _INT.unpack(fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(_INT.size)))
    except OSError:
        return 0
    return int(held)


def taken(transport: Any) -> int:
    """Return the number of bytes that the other end took, from an arbitrary start."""
    known = traffic(transport.socket)
    if known is not None:
        return known.taken
    return -unsent(transport) - unread(transport.socket)
