"""
The address on which a server listens, and its socket.

Sockets are bound here, because Twisted's endpoints do not let processes share a
port. A wrong address is reported before anything is served.
"""

from __future__ import annotations

import argparse
import ipaddress
import re
import socket
from dataclasses import dataclass

from django.core.management.base import CommandError

from feeds.core.limits import LIMITS

WRITTEN = re.compile(
    r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[\w-]{1,63}(\.[\w-]{1,63})*)):(?P<port>\d{1,5})", re.ASCII
)
MOST_PORT = 65_535
EXAMPLE_PORTS = (8001, 8002)
"""Ports to suggest instead of one that cannot be used: the first that differs from it."""
ALLOWED = "HOST:PORT, such as 127.0.0.1:8000, or [::1]:8000 for IPv6, with a port from 1 to 65535"


@dataclass(frozen=True, slots=True)
class Address:
    """A host, by IP address or name, and a port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``HOST:PORT``; raises ArgumentTypeError with a sentence."""
        found = WRITTEN.fullmatch(text)
        if found is not None and 1 <= int(found["port"]) <= MOST_PORT:
            host = found["host"] or found["ipv6"]
            if found["host"] or _is_ipv6(host):
                return cls(host, int(found["port"]))
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is not allowed: {ALLOWED}")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __post_init__(self) -> None:
        """Refuse a port that does not exist; raises CommandError."""
        if self.port > MOST_PORT:
            raise CommandError(f"port {self.port} is not allowed: the highest is {MOST_PORT}")

    def listen(
        self, example: str, *, backlog: int = LIMITS.backlog, reuse_port: bool = False
    ) -> socket.socket:
        """
        Return a non-blocking socket that listens on this address.

        With *reuse_port* other processes may listen on it as well, if each of them
        sets the option. Raises CommandError, which suggests *example*: a command
        with another address, whose ``{port}`` is filled in.
        """
        try:
            listener = socket.create_server(
                (self.host, self.port),
                family=socket.AF_INET6 if ":" in self.host else socket.AF_INET,
                backlog=backlog,
                reuse_port=reuse_port,
            )
        except (OSError, ValueError) as error:
            reason, _, _ = str(getattr(error, "strerror", None) or error).partition(" (while")
            port = next(port for port in EXAMPLE_PORTS if port != self.port)
            raise CommandError(
                f"cannot listen at {self}: {reason}. "
                f"Name another address: {example.format(port=port)}"
            ) from None
        listener.setblocking(False)
        return listener


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
