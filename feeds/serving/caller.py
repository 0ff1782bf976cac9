"""The client at the other end of a connection."""

from __future__ import annotations

from dataclasses import dataclass

from clientapp.wire.request import Request
from feeds.serving.clientlog import ClientLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The identity of one connection of a client."""

    request: Request
    """The request in its URL."""
    key: str
    """The stored form of its session's key."""
    channel: str
    """The channel name of its consumer."""
    peer: str
    """Its address, for people."""

    log: ClientLog
    """The log lines about it."""
