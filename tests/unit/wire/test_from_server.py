"""Frames from a server, read by a client that trusts nothing."""

import json
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.wire import codec, names
from clientapp.wire.errors import MalformedMessage
from clientapp.wire.from_server import (
    Ack,
    Control,
    Explain,
    Failure,
    Farewell,
    Gap,
    Heartbeat,
    Notice,
    Pong,
    read_from_server,
)
from clientapp.wire.message import Message, make_line
from clientapp.wire.welcome import FeedState, Welcome
from tests.support.json_texts import json_values, spoilt

EPOCH = "0123456789ab"
CONTROLS: list[Control] = [
    Welcome(
        session="abcdefghijklmnop",
        feeds={
            "users": FeedState(epoch=EPOCH, offset=1, rate=1.5, running=True, fields=("name", "é"))
        },
        blocks=1,
        limits={"block_size": 1, "frame_bytes": 2},
        heartbeat=1.0,
    ),
    Ack(block=1, verdict="verified"),
    Explain(block=1),
    Gap(feed="users", first=1, last=0, epoch=EPOCH, cause="epoch"),
    Heartbeat(now=1, heads={"users": 1}),
    Pong(t0=1, now=2),
    Notice(text="feed users is running"),
    Failure(code="bad_request", text="no", retryable=False),
    Farewell(code=1001, reason="the server stops", retry_after=1.5),
]
FRAMES = [control.write() for control in CONTROLS]
MESSAGE = codec.decode(make_line("users", 1, 1, b'{"a":1}'))

whole = st.integers(0, codec.MAX_INTEGER)
positive = st.integers(1, codec.MAX_INTEGER)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
feeds = st.from_regex(names.FEED_NAME, fullmatch=True)
epochs = st.from_regex(names.EPOCH, fullmatch=True)
states = st.builds(
    FeedState,
    epoch=epochs,
    offset=whole,
    rate=st.floats(0, 1e12),
    running=st.booleans(),
    fields=st.lists(texts).map(tuple),
)
controls: st.SearchStrategy[Control] = st.one_of(
    st.builds(
        Welcome,
        session=st.from_regex(names.SESSION_KEY, fullmatch=True),
        feeds=st.dictionaries(feeds, states, max_size=3),
        blocks=whole,
        limits=st.dictionaries(texts, whole, max_size=3),
        heartbeat=st.floats(0.001, 3600),
    ),
    st.builds(
        Ack,
        block=positive,
        verdict=st.from_regex(names.VERDICT, fullmatch=True),
        reason=texts,
    ),
    st.builds(Explain, block=positive),
    st.builds(Gap, feed=feeds, first=positive, last=whole, epoch=epochs, cause=texts),
    st.builds(Heartbeat, now=whole, heads=st.dictionaries(feeds, whole)),
    st.builds(Pong, t0=whole, now=whole),
    st.builds(Notice, text=texts),
    st.builds(Failure, code=texts, text=texts, retryable=st.booleans(), block=st.none() | positive),
    st.builds(Farewell, code=st.integers(1000, 4999), reason=texts, retry_after=st.floats(0, 3600)),
)


@given(controls)
def test_frames_survive_a_round_trip(said: Control) -> None:
    """A client reads a server's frame unchanged, from text and from bytes."""
    text = codec.encode(said.write())

    assert read_from_server(text) == read_from_server(text.encode()) == said


@pytest.mark.parametrize("said", CONTROLS, ids=lambda said: type(said).__name__)
def test_unknown_fields_are_ignored(said: Control) -> None:
    """A newer server of the same protocol version is understood."""
    assert read_from_server(json.dumps(said.write() | {"new": {"a": [1]}})) == said


@pytest.mark.parametrize("said", CONTROLS, ids=lambda said: type(said).__name__)
def test_every_field_is_required(said: Control) -> None:
    """A control without one of its fields is refused, and the field is named."""
    frame = said.write()
    for field in set(frame) - {"type"}:
        rest = {name: value for name, value in frame.items() if name != field}
        with pytest.raises(MalformedMessage, match=f"{field} is missing"):
            read_from_server(json.dumps(rest))


@pytest.mark.parametrize("block", [0, -1, "1", None, True])
def test_error_names_a_valid_block_or_none(block: object) -> None:
    """An error names a valid block, or omits the field."""
    frame = Failure(code="busy", text="later", retryable=True).write()
    assert "block" not in frame
    with pytest.raises(MalformedMessage, match="block is"):
        read_from_server(json.dumps(frame | {"block": block}))


@pytest.mark.parametrize("verdict", ["", "Verified", "ver ified", "x" * 41, None, True])
def test_verdict_is_one_word(verdict: object) -> None:
    """A verdict may be new, but must be one word that fits into a log."""
    with pytest.raises(MalformedMessage, match="verdict is"):
        read_from_server(json.dumps({"type": "ack", "block": 1, "verdict": verdict}))


def test_every_control_is_tested() -> None:
    """Every kind of control has an example above."""
    assert {type(control) for control in CONTROLS} == set(Control.__args__)


def test_message_is_read() -> None:
    """A message's line is read like any frame."""
    text = json.dumps(MESSAGE)
    assert read_from_server(text) == Message("users", 1, 1, {"a": 1}, crc32(text.encode()))


@given(st.text().filter(lambda kind: kind not in {"message", *(f["type"] for f in FRAMES)}))
def test_unknown_types_are_ignored(kind: str) -> None:
    """Frames of types that only a newer server knows are ignored."""
    assert read_from_server(json.dumps({"type": kind, "block": -1})) is None


@pytest.mark.parametrize("kind", [None, 1, ["ack"], {"ack": 1}])
def test_type_is_required(kind: object) -> None:
    """A frame without a type is refused."""
    with pytest.raises(MalformedMessage, match="the type is missing"):
        read_from_server(json.dumps({"type": kind, "block": 1}))


@given(st.one_of(st.text(), st.binary(), json_values.map(json.dumps)))
def test_other_text_is_malformed_or_unknown(text: str | bytes) -> None:
    """Any other text is malformed or of an unknown type."""
    try:
        said = read_from_server(text)
    except MalformedMessage:
        return
    assert said is None


@given(spoilt([*FRAMES, MESSAGE]))
def test_malformed_frame_is_refused(text: str) -> None:
    """A frame that is wrong in any way is refused; any other is of a known type."""
    try:
        said = read_from_server(text)
    except MalformedMessage:
        return
    if said is None:
        assert json.loads(text)["type"] not in {frame["type"] for frame in FRAMES}
    elif not isinstance(said, Message):
        assert read_from_server(json.dumps(said.write())) == said
