"""
What a server says, besides messages.

Each class is one control: ``write`` returns its JSON object, ``read`` takes
one apart and raises MalformedMessage. Fields that are not known are ignored,
so a client understands a newer server of the same version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from clientapp.wire import codec
from clientapp.wire.codec import Json
from clientapp.wire.errors import MalformedMessage
from clientapp.wire.message import Message, read_message


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """One feed of a session as the `Welcome` describes it."""

    epoch: str
    """The recipe's name; offsets compare only within one epoch."""
    offset: int
    """The session gets the messages after this offset."""
    rate: float
    """Messages per second at present."""
    running: bool
    """Whether a generator is at work on it."""
    fields: tuple[str, ...]
    """The members of each record; empty where records are not objects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """The first thing a server says on a connection."""

    session: str
    """The key to come back with."""
    feeds: Mapping[str, FeedState]
    blocks: int
    """The number up to which every block of the session is stored; 0: none."""
    limits: Mapping[str, int]
    """What the server refuses beyond: ``block_size``, ``frame_bytes``."""
    heartbeat: float
    """Seconds between heartbeats; three of them missed mean a dead server."""

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "welcome", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Welcome:
        """Take a decoded frame apart."""
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
        rate=codec.number(state, "rate"),
        running=codec.boolean(state, "running"),
        fields=codec.strings(state, "fields"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The server has stored the report of a block; it may be forgotten."""

    block: int

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "ack", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Ack:
        """Take a decoded frame apart."""
        return cls(block=codec.integer(obj, "block", low=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """
    Offsets that this session will never get, and where it goes on.

    The next message of the feed is ``last + 1`` of ``epoch``; where nothing
    is missing, ``last`` is ``first - 1``.
    """

    feed: str
    first: int
    last: int
    epoch: str
    """The epoch of the messages after the gap."""
    cause: str
    """``epoch``: the recipe of the feed changed."""

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "gap", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Gap:
        """Take a decoded frame apart."""
        return cls(
            feed=codec.string(obj, "feed", longest=40),
            first=codec.integer(obj, "first", low=1),
            last=codec.integer(obj, "last"),
            epoch=codec.string(obj, "epoch", longest=12),
            cause=codec.string(obj, "cause", longest=40),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A sign of life, with how far each feed of the session is."""

    now: int
    """The server's wall clock, microseconds since 1970."""
    heads: Mapping[str, int]

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "heartbeat", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Heartbeat:
        """Take a decoded frame apart."""
        heads = codec.mapping(obj, "heads")
        return cls(
            now=codec.integer(obj, "now"),
            heads={name: codec.integer(heads, name) for name in heads},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """The answer to a client's ping."""

    t0: int
    """What the ping said."""
    now: int
    """The server's wall clock, microseconds since 1970."""

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "pong", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Pong:
        """Take a decoded frame apart."""
        return cls(t0=codec.integer(obj, "t0"), now=codec.integer(obj, "now"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A sentence for the person at the client."""

    text: str

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "notice", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Notice:
        """Take a decoded frame apart."""
        return cls(text=codec.string(obj, "text"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Something the client asked for was not done (type ``error``)."""

    code: str
    """One of the words in ``docs/protocol.md``, such as ``bad_request``."""
    text: str
    retryable: bool
    """Whether the same may work later."""
    block: int | None = None
    """The block whose report was not taken; None: it is about no report."""

    def write(self) -> Json:
        """Return the JSON object."""
        obj = {"type": "error", **asdict(self)}
        if self.block is None:
            del obj["block"]
        return obj

    @classmethod
    def read(cls, obj: Json) -> Failure:
        """Take a decoded frame apart."""
        return cls(
            code=codec.string(obj, "code", longest=40),
            text=codec.string(obj, "text"),
            retryable=codec.boolean(obj, "retryable"),
            block=codec.integer(obj, "block", low=1) if "block" in obj else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Farewell:
    """The last thing a server says before it closes (type ``bye``)."""

    code: int
    """The close code that follows."""
    reason: str
    retry_after: float
    """Seconds to wait at least before coming back."""

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "bye", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Farewell:
        """Take a decoded frame apart."""
        return cls(
            code=codec.integer(obj, "code", low=1000, high=4999),
            reason=codec.string(obj, "reason"),
            retry_after=codec.number(obj, "retry_after", high=3600),
        )


Control = Welcome | Ack | Gap | Heartbeat | Pong | Notice | Failure | Farewell

_READERS: dict[str, Callable[[Json], Message | Control]] = {
    "message": read_message,
    "welcome": Welcome.read,
    "ack": Ack.read,
    "gap": Gap.read,
    "heartbeat": Heartbeat.read,
    "pong": Pong.read,
    "notice": Notice.read,
    "error": Failure.read,
    "bye": Farewell.read,
}


def read_from_server(text: str | bytes) -> Message | Control | None:
    """
    Read one frame of a server.

    Returns None for a type that this version does not know, which is to be
    ignored. Raises MalformedMessage.
    """
    obj = codec.decode(text)
    kind = obj.get("type")
    if not isinstance(kind, str):
        raise MalformedMessage("the type is missing")
    reader = _READERS.get(kind)
    return None if reader is None else reader(obj)
