"""A client's session, as stored in the session line of its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ..wire import codec
from ..wire.codec import Json
from ..wire.errors import MalformedMessage
from ..wire.names import MAX_BLOCK_SIZE, is_session_key
from ..wire.position import Position
from ..wire.request import MAX_FEEDS, Request
from .serverurl import ServerUrl

DEFAULT_BLOCK_SIZE = 10
FORMAT = 2
"""The version of the block log that this client writes and understands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run of a client, which outlives its connections and processes."""

    client: str
    session: str
    """The key, a secret; only its prefix is ever shown."""
    url: str
    """A `ServerUrl` if it may have credentials, which are not part of the session."""
    feeds: tuple[str, ...]
    """In the order requested."""
    block_size: int
    select: tuple[str, ...] = ()
    """The members of each record that are kept; empty: all."""

    def write(self) -> Json:
        """Return the JSON object of the session line."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Session:
        """Parse the JSON object of a session line; raises MalformedMessage."""
        written = codec.integer(obj, "format")
        if written != FORMAT:
            raise MalformedMessage(f"its format is {written}; this client knows format {FORMAT}")
        key = codec.string(obj, "session", longest=64)
        if not is_session_key(key):
            raise MalformedMessage("session is not a session key")
        return cls(
            client=codec.string(obj, "client", longest=64),
            session=key,
            # Logs of earlier versions may hold a password in it.
            url=ServerUrl(codec.string(obj, "url")),
            feeds=codec.strings(obj, "feeds", most=MAX_FEEDS),
            block_size=codec.integer(obj, "block_size", low=1, high=MAX_BLOCK_SIZE),
            select=codec.strings(obj, "select"),
        )

    def differences(self, other: Session) -> list[str]:
        """Return the names of the values that differ in *other*, apart from its key."""
        mine, others = asdict(self), asdict(other)
        return [name for name in mine if name != "session" and mine[name] != others[name]]

    def request(self, after: Mapping[str, Position], *, first: int | None = None) -> Request:
        """Return the request for the next connection."""
        return Request(
            client=self.client,
            feeds=self.feeds,
            block_size=self.block_size,
            session=self.session,
            after=after,
            first=first,
        )
