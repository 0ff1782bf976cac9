"""
The controls of a server, that is, all its frames except messages.

Each class is one control: ``write`` returns its JSON object, ``read`` parses one
and raises MalformedMessage. Unknown fields are ignored, so a client understands
a newer server of the same version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from . import codec
from .codec import Json
from .errors import MalformedMessage
from .message import Message, read_message
from .names import VERDICT
from .welcome import Welcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The server has stored the report of a block; the client may forget it."""

    block: int
    verdict: str
    """One of `Verdict`; a newer server may use another word."""
    reason: str = ""
    """A sentence for every verdict except ``verified``."""

    def write(self) -> Json:
        """Return the JSON object."""
        # Written out: `asdict` takes as long as all other work for an acknowledgement.
        obj: Json = {"type": "ack", "block": self.block, "verdict": self.verdict}
        if self.reason:
            obj["reason"] = self.reason
        return obj

    @classmethod
    def read(cls, obj: Json) -> Ack:
        """Parse a decoded frame."""
        return cls(
            block=codec.integer(obj, "block", low=1),
            verdict=_read_verdict(obj),
            reason=codec.string(obj, "reason") if "reason" in obj else "",
        )


def _read_verdict(obj: Json) -> str:
    verdict = codec.string(obj, "verdict", longest=40)
    if not VERDICT.fullmatch(verdict):
        raise MalformedMessage(f"verdict is {verdict!a}; it must be a lower-case word")
    return verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Explain:
    """The server asks for the messages of a block that it found broken."""

    block: int

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "explain", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Explain:
        """Parse a decoded frame."""
        return cls(block=codec.integer(obj, "block", low=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """
    Offsets that this session will never receive, and where it continues.

    The next message of the feed is ``last + 1`` of ``epoch``. If ``last`` is
    ``first - 1``, no message was lost.
    """

    feed: str
    first: int
    last: int
    epoch: str
    """The epoch of the messages after the gap."""
    cause: str
    """``epoch``: the recipe of the feed changed. ``history``: the server's database lost the
    last messages of the feed; offsets after `last` follow, perhaps again."""

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "gap", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Gap:
        """Parse a decoded frame."""
        return cls(
            feed=codec.string(obj, "feed", longest=40),
            first=codec.integer(obj, "first", low=1),
            last=codec.integer(obj, "last"),
            epoch=codec.string(obj, "epoch", longest=12),
            cause=codec.string(obj, "cause", longest=40),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A sign of life, with the head of each feed of the session."""

    now: int
    """The server's wall clock, microseconds since 1970."""
    heads: Mapping[str, int]

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "heartbeat", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Heartbeat:
        """Parse a decoded frame."""
        heads = codec.mapping(obj, "heads")
        return cls(
            now=codec.integer(obj, "now"),
            heads={name: codec.integer(heads, name) for name in heads},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """The answer to a client's ping."""

    t0: int
    """The ``t0`` of the ping."""
    now: int
    """The server's wall clock, microseconds since 1970."""

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "pong", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Pong:
        """Parse a decoded frame."""
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
        """Parse a decoded frame."""
        return cls(text=codec.string(obj, "text"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A request of the client failed (type ``error``)."""

    code: str
    """One of the words in ``docs/reference/protocol.md``, such as ``bad_request``."""
    text: str
    retryable: bool
    """Whether the same request may work later."""
    block: int | None = None
    """The block whose report was not accepted; None: it is not about a report."""

    def write(self) -> Json:
        """Return the JSON object."""
        obj = {"type": "error", **asdict(self)}
        if self.block is None:
            del obj["block"]
        return obj

    @classmethod
    def read(cls, obj: Json) -> Failure:
        """Parse a decoded frame."""
        return cls(
            code=codec.string(obj, "code", longest=40),
            text=codec.string(obj, "text"),
            retryable=codec.boolean(obj, "retryable"),
            block=codec.integer(obj, "block", low=1) if "block" in obj else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Farewell:
    """The server's last frame before it closes (type ``bye``)."""

    code: int
    """The close code that follows."""
    reason: str
    retry_after: float
    """The least number of seconds to wait before reconnecting."""

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "bye", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Farewell:
        """Parse a decoded frame."""
        return cls(
            code=codec.integer(obj, "code", low=1000, high=4999),
            reason=codec.string(obj, "reason"),
            retry_after=codec.number(obj, "retry_after", high=3600),
        )


Control = Welcome | Ack | Explain | Gap | Heartbeat | Pong | Notice | Failure | Farewell

_READERS: dict[str, Callable[[Json], Control]] = {
    "welcome": Welcome.read,
    "ack": Ack.read,
    "explain": Explain.read,
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

    Returns None for a type unknown to this version; the caller must ignore it.
    Raises MalformedMessage.
    """
    obj = codec.decode(text)
    kind = obj.get("type")
    if not isinstance(kind, str):
        raise MalformedMessage("the type is missing")
    if kind == "message":
        return read_message(obj, text)
    reader = _READERS.get(kind)
    return None if reader is None else reader(obj)
