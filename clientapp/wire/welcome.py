"""The welcome: the server's first frame, with everything that a client needs to begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import codec
from .codec import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """One feed of a session as the `Welcome` describes it."""

    epoch: str
    """The recipe's name; offsets can be compared within one epoch only."""
    offset: int
    """The session receives the messages after this offset."""
    head: int = 0
    """The newest offset of the feed; messages up to it are caught up. 0: not given."""
    rate: float
    """Messages per second at present."""
    running: bool
    """Whether a generator runs it."""
    fields: tuple[str, ...]
    """The members of each record; empty if records are not objects."""

    def write(self) -> Json:
        """Return the JSON object."""
        return {
            "epoch": self.epoch,
            "offset": self.offset,
            "head": self.head,
            "rate": self.rate,
            "running": self.running,
            "fields": self.fields,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The server's first frame on a connection."""

    session: str
    """The key to reconnect with."""
    feeds: Mapping[str, FeedState]
    blocks: int
    """The number up to which every block of the session is stored; 0: none."""
    limits: Mapping[str, int]
    """The server's limits: ``block_size``, ``frame_bytes``."""
    heartbeat: float
    """Seconds between heartbeats; three missed ones mean that the server is dead."""

    def write(self) -> Json:
        """Return the JSON object."""
        return {
            "type": "welcome",
            "session": self.session,
            "feeds": {name: state.write() for name, state in self.feeds.items()},
            "blocks": self.blocks,
            "limits": dict(self.limits),
            "heartbeat": self.heartbeat,
        }

    @classmethod
    def read(cls, obj: Json) -> Welcome:
        """Parse a decoded frame."""
        feeds = codec.mapping(obj, "feeds")
        limits = codec.mapping(obj, "limits")
        return cls(
            session=codec.string(obj, "session", longest=64),
            feeds={name: _read_feed_state(feeds, name) for name in feeds},
            blocks=codec.integer(obj, "blocks"),
            limits={name: codec.integer(limits, name) for name in limits},
            heartbeat=codec.number(obj, "heartbeat", low=0.001, high=3600),
        )


def _read_feed_state(feeds: Json, name: str) -> FeedState:
    state = codec.mapping(feeds, name)
    return FeedState(
        epoch=codec.string(state, "epoch", longest=12),
        offset=codec.integer(state, "offset"),
        head=codec.integer(state, "head") if "head" in state else 0,
        rate=codec.number(state, "rate"),
        running=codec.boolean(state, "running"),
        fields=codec.strings(state, "fields"),
    )
