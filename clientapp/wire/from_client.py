"""
What a client says: reports, pings, a farewell, or any text at all.

Text that is none of the protocol's own is never an error: a client written
by hand that sends ``Hey Server!`` is a client like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from clientapp.wire import codec
from clientapp.wire.codec import Json
from clientapp.wire.errors import MalformedMessage
from clientapp.wire.names import MAX_BLOCK_SIZE, is_feed_name
from clientapp.wire.request import MAX_FEEDS
from clientapp.wire.sentence import Sentence, parse_sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRange:
    """What a block holds of one feed."""

    epoch: str
    """Of the last message; where it changed in the block, a gap says so in the log."""
    first: int
    last: int
    count: int
    """Messages of this feed in the block, at least 1."""
    gaps: int
    """Offsets between first and last that the block lacks."""
    duplicates: int
    """Messages that came more than once and were dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Seconds from a message's intended time to its receipt, in one block."""

    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A client's receipt for one block."""

    block: int
    """Number of the block in its session, from 1."""
    text: str
    """The block sentence."""
    feeds: Mapping[str, FeedRange]
    size: int
    """Messages in the block."""
    seconds: float
    """Time from the first to the last message, by a monotonic clock."""
    started_at: int
    """Wall time of the first message, microseconds since 1970."""
    finished_at: int
    """Wall time of the last message, microseconds since 1970."""
    latency: Latency
    interrupted: bool
    """Whether the connection was lost while the block was collected."""

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "report", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Report:
        """Take a decoded frame apart; raises MalformedMessage."""
        feeds = codec.mapping(obj, "feeds", most=MAX_FEEDS)
        latency = codec.mapping(obj, "latency")
        report = cls(
            block=codec.integer(obj, "block", low=1),
            text=codec.string(obj, "text", longest=200),
            feeds={name: _read_range(feeds, name) for name in feeds},
            size=codec.integer(obj, "size", low=1, high=MAX_BLOCK_SIZE),
            seconds=codec.number(obj, "seconds", high=1e9),
            started_at=codec.integer(obj, "started_at"),
            finished_at=codec.integer(obj, "finished_at"),
            latency=Latency(
                p50=codec.number(latency, "p50", low=-1e10, high=1e10),
                p99=codec.number(latency, "p99", low=-1e10, high=1e10),
                max=codec.number(latency, "max", low=-1e10, high=1e10),
            ),
            interrupted=codec.boolean(obj, "interrupted"),
        )
        counted = sum(part.count for part in report.feeds.values())
        if counted != report.size:
            raise MalformedMessage(f"size is {report.size}, but its feeds count {counted}")
        return report


def _read_range(feeds: Json, name: str) -> FeedRange:
    if not is_feed_name(name):
        raise MalformedMessage(f"{name[:80]!r} is not the name of a feed")
    part = codec.mapping(feeds, name)
    return FeedRange(
        epoch=codec.string(part, "epoch", longest=12),
        first=codec.integer(part, "first", low=1),
        last=codec.integer(part, "last", low=1),
        count=codec.integer(part, "count", low=1, high=MAX_BLOCK_SIZE),
        gaps=codec.integer(part, "gaps"),
        duplicates=codec.integer(part, "duplicates"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """A client asks for a pong."""

    t0: int
    """Anything; comes back in the pong."""

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "ping", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Ping:
        """Take a decoded frame apart; raises MalformedMessage."""
        return cls(t0=codec.integer(obj, "t0"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bye:
    """A client leaves for good and wants to be taken off the list."""

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "bye"}

    @classmethod
    def read(cls, _obj: Json) -> Bye:
        """Take a decoded frame apart."""
        return cls()


@dataclass(frozen=True, slots=True)
class Text:
    """Anything else a client sends: printed and kept as its message."""

    text: str


FromClient = Report | Ping | Bye | Sentence | Text

_READERS: dict[str, Callable[[Json], FromClient]] = {
    "report": Report.read,
    "ping": Ping.read,
    "bye": Bye.read,
}


def read_from_client(text: str) -> FromClient:
    """
    Read one frame of a client.

    Raises MalformedMessage only for JSON whose ``type`` is the protocol's own
    but whose fields are wrong; everything else is the sentence or plain text.
    """
    sentence = parse_sentence(text)
    if sentence is not None:
        return sentence
    if not text.lstrip().startswith("{"):
        return Text(text)
    try:
        obj = codec.decode(text)
    except MalformedMessage:
        return Text(text)
    kind = obj.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    return Text(text) if reader is None else reader(obj)
