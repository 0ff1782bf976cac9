"""A report: a client's receipt for one block, which its server checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from . import codec
from .codec import Json
from .errors import MalformedMessage
from .names import (
    DIGEST,
    LABEL_RULE,
    MAX_BLOCK_SIZE,
    MAX_LABEL,
    is_feed_name,
    is_label,
)
from .request import MAX_FEEDS


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRange:
    """One feed's part of a block."""

    epoch: str
    """The epoch of `last`; if it changed within the block, the log has a gap there."""
    first: int
    """The first offset after the feed's position before the block."""
    last: int
    """The feed's offset after the block; 0 only after a rollback to a feed without messages."""
    count: int
    """Messages of this feed in the block; 0 if the whole range is a gap."""
    digest: str | None
    """The digest of their lines, in order of receipt; None: the client computes none."""
    gaps: int
    """Offsets of the range that the server announced as missing."""
    duplicates: int
    """Messages that arrived again and were dropped."""
    at: int | None = None
    """The intended time of the message at `last`; None: unknown, or the range ends in a gap."""
    history: bool = False
    """Whether a gap with the cause ``history`` is in the range: then its messages belong to two
    histories, and its offsets and counts need not agree."""

    def write(self) -> Json:
        """Return the JSON object."""
        every = ((field.name, getattr(self, field.name)) for field in fields(self))
        obj = {name: value for name, value in every if value is not None}
        if not self.history:
            del obj["history"]
        return obj

    @classmethod
    def read(cls, obj: Json) -> FeedRange:
        """Parse a decoded range; raises MalformedMessage."""
        part = cls(
            epoch=codec.string(obj, "epoch", longest=12),
            first=codec.integer(obj, "first", low=1),
            last=codec.integer(obj, "last"),
            count=codec.integer(obj, "count", high=MAX_BLOCK_SIZE),
            digest=codec.string(obj, "digest", longest=16) if "digest" in obj else None,
            gaps=codec.integer(obj, "gaps"),
            duplicates=codec.integer(obj, "duplicates"),
            at=codec.integer(obj, "at") if "at" in obj else None,
            history=codec.boolean(obj, "history") if "history" in obj else False,
        )
        if part.digest is not None and not DIGEST.fullmatch(part.digest):
            raise MalformedMessage(f"digest is {part.digest!a}; it must be 16 hexadecimal digits")
        return part


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Seconds from a message's intended time to its receipt, in one block."""

    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The correction of a client's clock to the server's, in seconds."""

    offset: float
    """Added to the client's clock for the latencies of the report."""
    error: float
    """The largest possible error of the offset."""


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
    """Whether the connection was lost while the block was collected, or a message was caught up."""
    clock: Clock | None = None
    """None: the latencies are by the client's own clock."""
    label: str = ""
    """The client's name for its experiment; empty: none."""

    def write(self) -> Json:
        """Return the JSON object; an absent clock or label is left out."""
        obj = {"type": "report", **asdict(self)}
        obj["feeds"] = {name: part.write() for name, part in self.feeds.items()}
        if self.clock is None:
            del obj["clock"]
        if not self.label:
            del obj["label"]
        return obj

    @classmethod
    def read(cls, obj: Json) -> Report:
        """Parse a decoded frame; raises MalformedMessage, which names the block."""
        block = codec.integer(obj, "block", low=1)
        try:
            return cls._read(obj, block)
        except MalformedMessage as error:
            error.block = block
            raise

    @classmethod
    def _read(cls, obj: Json, block: int) -> Report:
        feeds = codec.mapping(obj, "feeds", most=MAX_FEEDS)
        latency = codec.mapping(obj, "latency")
        report = cls(
            block=block,
            text=codec.string(obj, "text", longest=200),
            feeds={name: _read_range(feeds, name) for name in feeds},
            size=codec.integer(obj, "size", low=1, high=MAX_BLOCK_SIZE),
            seconds=codec.number(obj, "seconds", high=1e9),
            started_at=codec.integer(obj, "started_at", low=-codec.MAX_INTEGER),
            finished_at=codec.integer(obj, "finished_at", low=-codec.MAX_INTEGER),
            latency=Latency(
                p50=codec.number(latency, "p50", low=-1e10, high=1e10),
                p99=codec.number(latency, "p99", low=-1e10, high=1e10),
                max=codec.number(latency, "max", low=-1e10, high=1e10),
            ),
            interrupted=codec.boolean(obj, "interrupted"),
            clock=_read_clock(obj) if "clock" in obj else None,
            label=_read_label(obj) if "label" in obj else "",
        )
        counted = sum(part.count for part in report.feeds.values())
        if counted != report.size:
            raise MalformedMessage(f"size is {report.size}, but the counts add up to {counted}")
        return report


def _read_range(feeds: Json, name: str) -> FeedRange:
    if not is_feed_name(name):
        raise MalformedMessage(f"{name[:80]!r} is not the name of a feed")
    return FeedRange.read(codec.mapping(feeds, name))


def _read_clock(obj: Json) -> Clock:
    clock = codec.mapping(obj, "clock")
    return Clock(
        offset=codec.number(clock, "offset", low=-1e10, high=1e10),
        error=codec.number(clock, "error", high=1e10),
    )


def _read_label(obj: Json) -> str:
    label = codec.string(obj, "label", longest=MAX_LABEL)
    if not is_label(label):
        raise MalformedMessage(f"label is {ascii(label)[:80]}; it must be {LABEL_RULE}")
    return label
