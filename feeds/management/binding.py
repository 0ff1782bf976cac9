"""The value of ``--bind``: an address, the path of a Unix socket, or a passed socket."""

from __future__ import annotations

import argparse
import os
import re
import socket
from ipaddress import ip_address
from pathlib import Path

from feeds.management import address
from feeds.management.address import Address
from feeds.management.passedsocket import PassedSocket
from feeds.management.unixsocket import UnixSocket

Binding = Address | UnixSocket | PassedSocket

UNIX, PASSED = "unix:", "fd:"
DESCRIPTOR = re.compile(r"\d{0,4}", re.ASCII)
ALLOWED = (
    f"{address.ALLOWED}; unix:/PATH for a Unix socket; "
    "fd: for the first socket that systemd passed, or fd:N for descriptor N"
)


def parse(text: str) -> Binding:
    """Read the value of ``--bind``; raises ArgumentTypeError with a sentence."""
    if text.startswith(f"{UNIX}/") and text.isprintable() and not text.endswith("/"):
        return UnixSocket(Path(text.removeprefix(UNIX)))
    if text.startswith(PASSED) and DESCRIPTOR.fullmatch(number := text.removeprefix(PASSED)):
        return PassedSocket(int(number) if number else None)
    if text.startswith((UNIX, PASSED)):
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is not allowed: {ALLOWED}")
    try:
        return Address.parse(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is not allowed: {ALLOWED}") from None


def listen(at: Binding, example: str, *, backlog: int, reuse_port: bool) -> socket.socket:
    """
    Return the listening, non-blocking socket of *at*; raises CommandError.

    *reuse_port* applies to an `Address` only, and *backlog* not to a socket that already
    listens. For *example*, see `Address.listen`.
    """
    match at:
        case Address():
            return at.listen(example, backlog=backlog, reuse_port=reuse_port)
        case UnixSocket():
            return at.listen(backlog=backlog)
        case PassedSocket():
            return at.take()


def is_reachable(listener: socket.socket) -> bool:
    """Tell whether other machines may be able to reach the socket *listener*."""
    if listener.family == socket.AF_UNIX:
        return False
    return not ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def shown(at: Binding, listener: socket.socket, prefix: str) -> str:
    """Return where clients find the server, below the path *prefix*; *listener* is its socket."""
    place = str(at) if isinstance(at, Address) else _place(listener)
    if place.startswith(UNIX):
        url = f"{place}, path {prefix}/" if prefix else place
    else:
        url = f"http://{place}{prefix}/"
    return f"{url} ({at})" if isinstance(at, PassedSocket) else url


def _place(listener: socket.socket) -> str:
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"{UNIX}{os.fsdecode(name)}"
    return str(Address(*name[:2]))
