"""A client's frames, by the cases of RFC 6455 and in any pieces."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.core.limits import LIMITS
from feeds.websocket.frames import (
    TOO_LARGE,
    Bounds,
    Header,
    Opcode,
    Oversize,
    Reader,
    Violation,
    close_content,
    read_close,
)
from tests.support import rfc6455
from tests.support.rfc6455 import Case, closing, masked

CASES = list(rfc6455.cases())
SMALL = Bounds(message_bytes=100, fragments=4)
SLOW_BYTES = 2500
"""Size of a case that takes too long byte by byte."""


@dataclass
class Outcome:
    """The outcome of a client's frames."""

    messages: list[str | bytes] = field(default_factory=list)
    pings: list[bytes] = field(default_factory=list)
    headers: list[Header] = field(default_factory=list)
    code: int | None = None


def read(pieces: list[bytes], bounds: Bounds) -> Outcome:
    """Read *pieces* until the connection ends."""
    reader, outcome = Reader(bounds), Outcome()
    for piece in pieces:
        reader.receive(piece)
        try:
            while outcome.code is None and (found := reader.next()) is not None:
                if isinstance(found, Header):
                    outcome.headers.append(found)
                elif found.opcode is Opcode.CLOSE:
                    assert isinstance(found.content, bytes)
                    outcome.code, _ = read_close(found.content)
                elif found.opcode is Opcode.PING:
                    assert isinstance(found.content, bytes)
                    outcome.pings.append(found.content)
                elif found.opcode is not Opcode.PONG:
                    outcome.messages.append(found.content)
        except Violation as violation:
            outcome.code = violation.code
    return outcome


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    """Cut *data* at some places."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


def test_there_are_enough_cases() -> None:
    """There are far more than sixty cases, and each has its own name."""
    assert len({case.name for case in CASES}) == len(CASES) > 150


def test_cases_have_the_limits_of_the_server() -> None:
    """The cases about limits use the limits of the server."""
    known = rfc6455.MESSAGE_BYTES, rfc6455.FRAGMENTS
    assert known == (LIMITS.frame_bytes, LIMITS.fragments)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_of_the_standard(case: Case) -> None:
    """Each case of RFC 6455 has the outcome that the standard requires, in any pieces."""
    pieces = [[case.sent], split(case.sent, list(range(0, len(case.sent), 1001)))]
    if len(case.sent) < SLOW_BYTES:
        pieces.append([bytes([byte]) for byte in case.sent])
    for each in pieces:
        found = read(each, BOUNDS)
        assert found.code == (TOO_LARGE if case.code == rfc6455.LARGE else case.code)
        assert (found.messages, found.pings) == (list(case.messages), list(case.pongs))


BOUNDS = Bounds(rfc6455.MESSAGE_BYTES, rfc6455.FRAGMENTS)
FRAMES = st.builds(
    masked,
    opcode=st.integers(0, 15),
    content=st.binary(max_size=120),
    last=st.booleans(),
    reserved=st.sampled_from([0, 0, 0, 1]),
    mask=st.one_of(st.none(), st.binary(min_size=4, max_size=4)),
)


@given(
    data=st.one_of(st.lists(FRAMES, max_size=6).map(b"".join), st.binary(max_size=200)),
    cuts=st.lists(st.integers(0, 1000), max_size=6),
)
def test_pieces_change_nothing(data: bytes, cuts: list[int]) -> None:
    """Any bytes have the same outcome in one piece and in several, and fail in no other way."""
    assert read([data], SMALL) == read(split(data, cuts), SMALL)


@given(text=st.text(max_size=80), sizes=st.lists(st.integers(0, 40), max_size=3), mask=st.binary())
def test_text_arrives_as_it_was_sent(text: str, sizes: list[int], mask: bytes) -> None:
    """A text in any fragments and with any mask arrives unchanged."""
    fragments = split(text.encode(), sizes) or [b""]
    end = len(fragments) - 1
    key = (mask + bytes(4))[:4]
    frames = b"".join(
        masked(rfc6455.CONTINUATION if at else rfc6455.TEXT, part, last=at == end, mask=key)
        for at, part in enumerate(fragments)
    )
    assert read([frames], Bounds(400, 4)).messages == [text]


def test_header_is_known_before_the_content() -> None:
    """A frame is announced by its header, so that a caller can charge for it."""
    sent = masked(rfc6455.BINARY, bytes(90))
    assert read([sent[:6]], SMALL).headers == [Header(Opcode.BINARY, 90, True)]


def test_error_is_noticed_at_once() -> None:
    """A violation in the first two bytes is reported without waiting for more bytes."""
    assert read([masked(rfc6455.TEXT, bytes(90), reserved=1)[:2]], SMALL).code == 1002
    assert read([masked(rfc6455.PING, bytes(126))[:2]], SMALL).code == 1002


def test_only_the_close_of_a_client_beyond_its_limits_is_read() -> None:
    """After a message that is too large, everything is skipped up to the client's close frame."""
    reader = Reader(SMALL)
    reader.receive(masked(rfc6455.BINARY, bytes(101)))
    header = reader.next()
    assert header == Header(Opcode.BINARY, 101, True)
    with pytest.raises(Oversize):
        reader.next()
    reader.receive(masked(rfc6455.TEXT, "x") + masked(rfc6455.PING) + closing(1000))
    found = []
    while (one := reader.next()) is not None:
        found.append(one)
    assert [one.opcode for one in found] == [Opcode.TEXT, Opcode.PING, Opcode.CLOSE, Opcode.CLOSE]
    assert len(reader) == 0


def test_nothing_is_kept_after_a_violation() -> None:
    """Bytes that follow a violation of the protocol take no memory."""
    reader = Reader(SMALL)
    reader.receive(masked(3))
    with pytest.raises(Violation):
        reader.next()
    reader.receive(bytes(1000))
    assert (len(reader), reader.next()) == (0, None)


def test_close_is_read_as_it_is_written() -> None:
    """Code and reason of a close frame survive."""
    assert read_close(close_content(4501, "no such feed")) == (4501, "no such feed")
