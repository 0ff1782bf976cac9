"""
The frames of a client: reports, explanations, pings, a farewell, or any text.

Text outside the protocol is never an error: a client written by hand may send
``Hey Server!``. A plain client, which does not speak the protocol, sends the
sentence or any text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

from . import codec
from .codec import Json
from .errors import MalformedMessage
from .names import is_feed_name
from .position import MAX_OFFSET
from .report import Report
from .request import MAX_FEEDS
from .sentence import Sentence, parse_sentence

EXPLAINED_LINES = 5000
"""Messages in one frame of an explanation: 140 KB at most, within the server's limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """A client requests a pong."""

    t0: int
    """Any integer from 0 to 2**53 - 1; the pong returns it."""

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "ping", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Ping:
        """Parse a decoded frame; raises MalformedMessage."""
        return cls(t0=codec.integer(obj, "t0"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bye:
    """A client leaves for good and asks to be removed from the list."""

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "bye"}

    @classmethod
    def read(cls, _obj: Json) -> Bye:
        """Parse a decoded frame."""
        return cls()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """
    The messages of a block that a client received, one by one.

    The answer to `Explain`; a long one is split into several frames.
    """

    block: int
    lines: Mapping[str, Sequence[tuple[int, int]]]
    """Per feed the offset and CRC-32 of each message, in order of receipt, dropped
    messages included."""
    more: bool
    """Whether the next frame continues the same block."""

    def write(self) -> Json:
        """Return the JSON object."""
        return {"type": "explained", **asdict(self)}

    @classmethod
    def read(cls, obj: Json) -> Explained:
        """Parse a decoded frame; raises MalformedMessage."""
        lines = codec.mapping(obj, "lines", most=MAX_FEEDS)
        return cls(
            block=codec.integer(obj, "block", low=1),
            lines={feed: _read_pairs(feed, pairs) for feed, pairs in lines.items()},
            more=codec.boolean(obj, "more"),
        )


def explanations(block: int, lines: Mapping[str, Sequence[tuple[int, int]]]) -> Iterator[Explained]:
    """Yield the explanation of a block, `EXPLAINED_LINES` messages per frame."""
    rest = [(feed, pair) for feed, pairs in lines.items() for pair in pairs]
    for start in range(0, max(len(rest), 1), EXPLAINED_LINES):
        part: dict[str, list[tuple[int, int]]] = {}
        for feed, pair in rest[start : start + EXPLAINED_LINES]:
            part.setdefault(feed, []).append(pair)
        more = start + EXPLAINED_LINES < len(rest)
        yield Explained(block=block, lines=part, more=more)


def _read_pairs(feed: str, pairs: object) -> list[tuple[int, int]]:
    if not is_feed_name(feed):
        raise MalformedMessage(f"{feed[:80]!r} is not the name of a feed")
    if not isinstance(pairs, list):
        raise MalformedMessage(f"lines of {feed} must be an array of [offset, CRC-32]")
    return [_read_pair(feed, pair) for pair in pairs]


def _read_pair(feed: str, pair: object) -> tuple[int, int]:
    match pair:
        case [int() as offset, int() as crc] if 1 <= offset <= MAX_OFFSET and 0 <= crc < 2**32:
            if type(offset) is type(crc) is int:
                return offset, crc
    raise MalformedMessage(f"lines of {feed} hold {ascii(pair)[:80]}; it must be [offset, CRC-32]")


@dataclass(frozen=True, slots=True)
class Text:
    """Any other text from a client: printed, and stored as its message."""

    text: str


FromClient = Report | Explained | Ping | Bye | Sentence | Text

_READERS: dict[str, Callable[[Json], FromClient]] = {
    "report": Report.read,
    "explained": Explained.read,
    "ping": Ping.read,
    "bye": Bye.read,
}


def read_from_client(text: str) -> FromClient:
    """
    Read one frame of a client that speaks the protocol.

    Raises MalformedMessage only for JSON with a ``type`` of the protocol and wrong
    fields, or with NaN or Infinity, which JSON does not allow. Everything else is
    the sentence or plain text.
    """
    sentence = parse_sentence(text)
    if sentence is not None:
        return sentence
    if not text.lstrip().startswith("{"):
        return Text(text)
    try:
        obj = codec.decode(text)
    except MalformedMessage as error:
        _refuse_numbers(text, error)
        return Text(text)
    reader = _reader(obj)
    return Text(text) if reader is None else reader(obj)


def read_from_plain_client(text: str) -> Sentence | Text:
    """Read one text of a plain client: the sentence, or any text, including JSON."""
    return parse_sentence(text) or Text(text)


def _reader(obj: Json) -> Callable[[Json], FromClient] | None:
    kind = obj.get("type")
    return _READERS.get(kind) if isinstance(kind, str) else None


def _refuse_numbers(text: str, error: MalformedMessage) -> None:
    """Raise *error* if *text* is a frame of the protocol apart from NaN and Infinity."""
    obj = codec.decode_leniently(text)
    if obj is None or _reader(obj) is None:
        return
    with suppress(MalformedMessage):
        error.block = codec.integer(obj, "block", low=1)
    raise error
