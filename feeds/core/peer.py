"""
Who is at the other end of a connection, also where a proxy stands between.

Defends: nobody writes himself another address. Of what proxies say, only the
word of the nearest one counts, and only where it is an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

FORWARDED_FOR = b"x-forwarded-for"
WITH_PORT = re.compile(r"\A(?:\[(.*)\](?::\d{1,5})?|([^:]*):\d{1,5})\Z")
"""An address in brackets, or with a port; everything else is read as a bare address."""
NO_PORT = 0
"""In place of a port that a proxy does not tell."""


def forwarded_host(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """
    Return the address of the client as the nearest proxy says it.

    A proxy appends to what it got, so its own word is the last one; a port
    that it adds is left out. None where that is no address; *headers* have
    their names in lower case.
    """
    said = [value for name, value in headers if name == FORWARDED_FOR]
    text = said[-1].rpartition(b",")[2].strip().decode("latin-1") if said else ""
    host = WITH_PORT.sub(r"\1\2", text.strip('"'))
    try:
        # A zone could be any text.
        return None if "%" in host else str(ip_address(host))
    except ValueError:
        return None


def peer(client: Sequence[str | int] | None) -> str:
    """Return an ASGI scope's *client* in one word: its host, and its port where it is known."""
    host, port = client or ("unknown", NO_PORT)
    return f"{host}:{port}" if port != NO_PORT else f"{host}"
