"""Free ports of this machine, and the addresses of servers that listen at them."""

from __future__ import annotations

import os
import re
import socket
import sys

from feeds.core.prefix import path_prefix
from tools.installation import CannotStart

HOST = "127.0.0.1"
FIRST_PORT = 8000
LAST_PORT = 65_535
PORTS_TRIED = 100

_reserved: list[socket.socket] = []
"""Bound sockets that do not listen; they keep their ports from other programs."""


def first_port() -> int:
    """Return PORT, or `FIRST_PORT` if it is not set; raises CannotStart."""
    said = os.environ.get("PORT") or str(FIRST_PORT)
    port = int(said) if re.fullmatch("[0-9]{1,5}", said) else 0
    if not 1 <= port <= LAST_PORT:
        raise CannotStart(f"PORT is {said!a}; it must be a number from 1 to {LAST_PORT}")
    return port


def home(port: int) -> str:
    """Return the address of a server's page at *port*, without scheme; raises CannotStart."""
    try:
        return f"{HOST}:{port}{path_prefix(os.environ.get('PATH_PREFIX', ''))}/"
    except ValueError as error:
        raise CannotStart(f"PATH_PREFIX: {error}") from None


def free_port(first: int) -> int:
    """Return the first free port from *first* on; 0: any. Raises CannotStart."""
    if first == 0:
        return any_port()
    ports = range(first, min(first + PORTS_TRIED, LAST_PORT + 1))
    for port in ports:
        if not is_taken(port):
            return port
    raise CannotStart(f"all ports from {ports[0]} to {ports[-1]} are in use")


def any_port() -> int:
    """
    Return a free port that the system chooses.

    On Linux, no other program is given it while this process lives, even while
    our server restarts: the port stays bound, which a server that sets
    ``SO_REUSEADDR`` does not mind. Other systems do not allow that.
    """
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind((HOST, 0))
    port: int = probe.getsockname()[1]
    if sys.platform == "linux":
        _reserved.append(probe)
    else:
        probe.close()
    return port


def is_taken(port: int) -> bool:
    """Tell whether a program listens on *port*."""
    with socket.socket() as probe:
        # If the probe's own port were *port*, it would connect to itself.
        probe.bind((HOST, 0))
        if probe.getsockname()[1] == port:
            return is_taken(port)
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
