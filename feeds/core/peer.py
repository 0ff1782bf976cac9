"""
The address at the other end of a connection, also behind a proxy.

A client cannot forge its address: only the entry of the nearest proxy counts,
and only if it is an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

FORWARDED_FOR = b"x-forwarded-for"
WITH_PORT = re.compile(r"\A(?:\[(.*)\](?::\d{1,5})?|([^:]*):\d{1,5})\Z")
"""An address in brackets or with a port; everything else is read as a bare address."""
NO_PORT = 0
"""Stands for a port that the proxy does not pass on."""
UNIX = "unix"
"""Stands for the other end of a Unix socket, which has no address."""


def forwarded_host(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """
    Return the client's address as the nearest proxy reports it.

    A proxy appends to the header it received, so its own entry is the last one;
    a port in it is dropped. None if the entry is not an address. *headers* must
    have lower-case names.
    """
    said = [value for name, value in headers if name == FORWARDED_FOR]
    text = said[-1].rpartition(b",")[2].strip().decode("latin-1") if said else ""
    host = WITH_PORT.sub(r"\1\2", text.strip('"'))
    try:
        # Refused: the zone of an IPv6 address may be any text.
        return None if "%" in host else str(ip_address(host))
    except ValueError:
        return None


def peer(client: Sequence[str | int] | None) -> str:
    """
    Return an ASGI scope's *client* as one word: the host, with the port if it is known.

    None, the client of a Unix socket, is `UNIX`.
    """
    host, port = client or (UNIX, NO_PORT)
    return f"{host}:{port}" if port != NO_PORT else f"{host}"
