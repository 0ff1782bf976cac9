"""The client at the other end of a connection."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from clientapp.wire.names import key_prefix
from clientapp.wire.request import Request

_log = logging.getLogger("feeds.clients")


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

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """The log of clients, whose records then name the session by the prefix of its key."""
        return logging.LoggerAdapter(_log, {"session": key_prefix(self.key)})
