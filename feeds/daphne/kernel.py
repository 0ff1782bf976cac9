"""
What the operating system holds for a socket, and knows of its other end.

A slow client's backlog belongs into its cursor, which costs an integer, and
not into memory of the kernel, which nobody sees.
"""

from __future__ import annotations

import resource
import socket
from struct import Struct, error

from feeds.core.patience import Traffic

UNSENT_BYTES = 16 * 2**10
"""What the kernel may hold unsent for a socket."""
UNREAD_BYTES = 32 * 2**10
"""What the kernel may hold for a server that does not read; Linux doubles it.
Clients send little, so a window of this size keeps none of them waiting."""

_TCP_NOTSENT_LOWAT = 25
"""Linux' number of the option; Python names it from 3.12 on."""
_TCP_INFO = Struct("@24x I 92x QQ 8x I")
"""Of Linux' ``struct tcp_info``: tcpi_unacked, tcpi_bytes_acked,
tcpi_bytes_received and tcpi_notsent_bytes (since Linux 4.6)."""


def allow_files(wanted: int) -> int:
    """
    Let this process open *wanted* files, or as many as it may; return how many.

    A shell sets a limit of 1,024 for programs that know no better, and each
    connection is a file.
    """
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if allowed == unlimited or allowed >= wanted:
        return wanted
    within = wanted if most == unlimited else min(wanted, most)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (within, most))
    except (OSError, ValueError):  # macOS has a limit below the one that it tells
        return allowed
    return within


def bound_memory(sock: socket.socket) -> None:
    """Let the kernel hold little for *sock*, in both directions."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNREAD_BYTES)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * UNSENT_BYTES)


def traffic(sock: socket.socket) -> Traffic | None:
    """Return what *sock* moved; None where the system does not tell."""
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
