"""Texts from a client, whatever they contain."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.wire import codec, names
from clientapp.wire.errors import MalformedMessage
from clientapp.wire.from_client import (
    EXPLAINED_LINES,
    Bye,
    Explained,
    Ping,
    Text,
    explanations,
    read_from_client,
    read_from_plain_client,
)
from clientapp.wire.report import Clock, FeedRange, Latency, Report
from clientapp.wire.request import MAX_FEEDS
from clientapp.wire.sentence import Sentence
from feeds.core.limits import LIMITS
from tests.support.json_texts import json_values, spoilt

RANGE = FeedRange(
    epoch="0123456789ab", first=7, last=9, count=2, digest="0123456789abcdef", gaps=1, duplicates=0
)
EXPLAINED = Explained(block=1, lines={"users": [(1, 2)]}, more=False)
REPORT = Report(
    block=3,
    text="Client alice received 3 block in 4.002 s time",
    feeds={"users": RANGE, "arrays": replace(RANGE, count=1)},
    size=3,
    seconds=4.002,
    started_at=1_795_250_401_123_456,
    finished_at=1_795_250_405_125_456,
    latency=Latency(p50=-0.001, p99=0.25, max=0.5),
    interrupted=True,
    clock=Clock(offset=-0.5, error=0.001),
    label="run=1",
)
OWN = {"report", "explained", "ping", "bye"}

whole = st.integers(0, codec.MAX_INTEGER)
positive = st.integers(1, codec.MAX_INTEGER)
ranges = st.builds(
    FeedRange,
    epoch=st.from_regex(names.EPOCH, fullmatch=True),
    first=st.integers(1, 2**52),
    last=st.integers(2**52 + 10**6, codec.MAX_INTEGER),
    count=st.integers(1, names.MAX_BLOCK_SIZE // MAX_FEEDS),
    digest=st.none() | st.from_regex(names.DIGEST, fullmatch=True),
    gaps=whole,
    duplicates=whole,
)
delays = st.floats(-1e10, 1e10)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Draw any report that a client may send."""
    feed = st.from_regex(names.FEED_NAME, fullmatch=True)
    feeds = draw(st.dictionaries(feed, ranges, min_size=1, max_size=MAX_FEEDS))
    return Report(
        block=draw(positive),
        text=draw(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200)),
        feeds=feeds,
        size=sum(part.count for part in feeds.values()),
        seconds=draw(st.floats(0, 1e9)),
        started_at=draw(whole),
        finished_at=draw(whole),
        latency=Latency(p50=draw(delays), p99=draw(delays), max=draw(delays)),
        interrupted=draw(st.booleans()),
        clock=draw(st.none() | st.builds(Clock, offset=delays, error=st.floats(0, 1e10))),
        label=draw(st.just("") | st.from_regex(names.LABEL, fullmatch=True)),
    )


pairs = st.lists(st.tuples(positive, st.integers(0, 2**32 - 1)), max_size=4)
explained = st.builds(
    Explained,
    block=positive,
    lines=st.dictionaries(st.from_regex(names.FEED_NAME, fullmatch=True), pairs, max_size=3),
    more=st.booleans(),
)


@given(st.one_of(reports(), explained, st.builds(Ping, t0=whole), st.builds(Bye)))
def test_frames_survive_a_round_trip(said: Report | Explained | Ping | Bye) -> None:
    """A server reads a client's frame unchanged."""
    assert read_from_client(codec.encode(said.write())) == said


@pytest.mark.parametrize(
    "said", [REPORT, EXPLAINED, Ping(t0=5), Bye()], ids=lambda said: type(said).__name__
)
def test_unknown_fields_are_ignored(said: Report | Explained | Ping | Bye) -> None:
    """A newer client of the same protocol version is understood."""
    assert read_from_client(json.dumps(said.write() | {"new": [1, None]})) == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hey Server!",
        "{",
        "[1]",
        "{}",
        '{"type":"welcome"}',
        '{"type":1}',
        '{"type":["report"]}',
        '{"type":{"ping":1}}',
        '{"type":"Ping","t0":1}',
        '{"type":"hello","t0":NaN}',
        '{"type":"ping","t0":' + "9" * 5000 + "}",
        '{"type":"ping","t0":' + "[" * 100_000,
        '[{"type":"ping","t0":1}]',
    ],
    ids=lambda text: repr(text[:30]),
)
def test_other_text_is_kept_as_text(text: str) -> None:
    """Anything outside the protocol, from a person or a program, is kept as text."""
    assert read_from_client(text) == Text(text)


@given(st.one_of(st.text(), json_values.map(json.dumps)))
def test_other_json_is_not_an_error(text: str) -> None:
    """Only JSON with a type of the protocol can be malformed."""
    assert isinstance(read_from_client(text), Text | Sentence | Bye)


def test_sentence_is_understood() -> None:
    """The sentence alone, without JSON around it, is understood."""
    text = "Client bob received 2 block in 0.500 s time\n"

    assert read_from_client(text) == Sentence("bob", 2, 0.5)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_outside_json_make_a_report_malformed(number: str) -> None:
    """A report with NaN or an infinite number is malformed, not text; the error names its block."""
    text = json.dumps(REPORT.write() | {"seconds": 0.25}).replace("0.25", number)

    with pytest.raises(MalformedMessage) as refused:
        read_from_client(text)
    assert refused.value.block == REPORT.block


def test_ping_with_nan_is_malformed() -> None:
    """An error about a frame that is not a report names no block."""
    with pytest.raises(MalformedMessage, match="NaN is not a JSON number") as refused:
        read_from_client('{"type":"ping","t0":NaN}')
    assert refused.value.block is None


@pytest.mark.parametrize("text", ['{"type":"ping","t0":NaN}', '{"type":"report","block":1}', "hey"])
def test_json_of_a_plain_client_is_text(text: str) -> None:
    """A plain client may send frames of the protocol; they are kept as text."""
    assert read_from_plain_client(text) == Text(text)


@given(st.one_of(st.text(), json_values.map(json.dumps)))
def test_text_of_a_plain_client_is_never_an_error(text: str) -> None:
    """A plain client may send any text."""
    assert isinstance(read_from_plain_client(text), Text | Sentence)


@given(spoilt([REPORT.write(), EXPLAINED.write(), Ping(t0=1).write(), Bye().write()]))
def test_malformed_frame_is_refused_in_a_sentence(text: str) -> None:
    """A frame that is wrong in any way is refused, in a short sentence that can be sent."""
    try:
        said = read_from_client(text)
    except MalformedMessage as refused:
        sentence = str(refused)
        assert json.loads(text)["type"] in OWN
        assert sentence.isprintable()
        assert len(sentence) < 300
        return
    if isinstance(said, Report | Explained | Ping | Bye):
        assert read_from_client(codec.encode(said.write())) == said
    else:
        assert said == Text(text)


FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"block": 0}, "block is 0; it must be a whole number from 1 to 9007199254740991"),
    ({"text": "x" * 201}, "text is .*; it must be a string of at most 200 characters"),
    ({"text": "a\0b"}, "text is .*; it must be a string of at most 200 characters"),
    ({"feeds": []}, "feeds is .*; it must be an object of at most 16 members"),
    ({"feeds": {f"f{n}": {} for n in range(17)}}, "it must be an object of at most 16 members"),
    ({"feeds": {"Users": {}}}, "'Users' is not the name of a feed"),
    ({"feeds": {"\x1b\ud800": {}}}, r"'\\x1b\\ud800' is not the name of a feed"),
    ({"feeds": {}}, "size is 3, but the counts add up to 0"),
    ({"feeds": {"users": []}}, "users is .*; it must be an object"),
    ({"size": 4}, "size is 4, but the counts add up to 3"),
    ({"size": 100_001}, "size is 100001; it must be a whole number from 1 to 100000"),
    ({"seconds": -0.1}, "seconds is -0.1; it must be a number from 0 to 1e.09"),
    ({"started_at": 1.5}, "started_at is 1.5; it must be a whole number"),
    ({"finished_at": None}, "finished_at is missing"),
    ({"latency": {"p50": 0, "max": 0}}, "p99 is missing; it must be a number"),
    ({"latency": {"p50": 0, "p99": 0, "max": 1e11}}, "max is 1.*; it must be a number"),
    ({"interrupted": 0}, "interrupted is 0; it must be true or false"),
    ({"clock": None}, "clock is missing; it must be an object"),
    ({"clock": {"offset": 0.0}}, "error is missing; it must be a number"),
    ({"clock": {"offset": 0.0, "error": -1}}, "error is -1; it must be a number from 0"),
    ({"label": "x" * 65}, "label is .*; it must be a string of at most 64 characters"),
    ({"label": ""}, "label is ''; it must be 1 to 64 ASCII letters"),
    ({"label": "a\x1bb"}, r"label is 'a\\x1bb'; it must be 1 to 64 ASCII letters"),
]


@pytest.mark.parametrize(("wrong", "sentence"), FIELDS, ids=range(len(FIELDS)))
def test_wrong_fields_of_a_report_are_named(wrong: dict[str, Any], sentence: str) -> None:
    """A refusal names the field, its value and the rule."""
    with pytest.raises(MalformedMessage, match=sentence):
        read_from_client(json.dumps(REPORT.write() | wrong))


@pytest.mark.parametrize("digest", [None, 1, "0123", "0123456789ABCDEF", "x" * 17])
def test_digest_is_sixteen_hexadecimal_digits(digest: object) -> None:
    """A digest has its exact form, or is left out."""
    frame = REPORT.write()
    frame["feeds"]["users"]["digest"] = digest
    with pytest.raises(MalformedMessage, match="digest is"):
        read_from_client(json.dumps(frame))
    del frame["feeds"]["users"]["digest"]
    said = read_from_client(json.dumps(frame))
    assert isinstance(said, Report)
    assert said.feeds["users"].digest is None


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "lines is .*; it must be an object"),
        ({"Users": []}, "'Users' is not the name of a feed"),
        ({"users": {}}, "lines of users must be an array"),
        ({"users": [1]}, "lines of users hold 1; it must be"),
        ({"users": [[0, 1]]}, r"lines of users hold \[0, 1\]; it must be"),
        ({"users": [[1, 2**32]]}, "lines of users hold .*; it must be"),
        ({"users": [[1, -1]]}, "lines of users hold .*; it must be"),
        ({"users": [[1, True]]}, "lines of users hold .*; it must be"),
        ({"users": [[1, 1, 1]]}, "lines of users hold .*; it must be"),
    ],
)
def test_wrong_explanation_is_refused(lines: object, sentence: str) -> None:
    """An explanation holds offsets and checksums, and nothing else."""
    frame = {"type": "explained", "block": 1, "lines": lines, "more": False}
    with pytest.raises(MalformedMessage, match=sentence):
        read_from_client(json.dumps(frame))


@pytest.mark.parametrize("count", [0, 1, EXPLAINED_LINES, EXPLAINED_LINES + 1])
def test_long_explanation_is_split_into_frames(count: int) -> None:
    """Every message is sent once and in order, and the last frame is marked as the last."""
    lines = {"users": [(one, one) for one in range(1, count + 1)], "arrays": [(7, 7)]}
    frames = list(explanations(3, lines))
    told: dict[str, list[tuple[int, int]]] = {"users": [], "arrays": []}
    for frame in frames:
        assert len(codec.encode(frame.write())) < LIMITS.frame_bytes
        for feed, pairs in frame.lines.items():
            told[feed] += pairs
    assert told == lines
    assert [frame.more for frame in frames] == [True] * (len(frames) - 1) + [False]


def test_every_field_of_a_report_is_checked() -> None:
    """Every field of a report has a refusal above."""
    assert {"type", *(name for wrong, _ in FIELDS for name in wrong)} == set(REPORT.write())


@pytest.mark.parametrize("field", ["epoch", "first", "last", "count", "gaps", "duplicates"])
def test_every_field_of_a_range_is_checked(field: str) -> None:
    """A range without one of its fields is refused."""
    frame = REPORT.write()
    del frame["feeds"]["arrays"][field]

    with pytest.raises(MalformedMessage, match=f"{field} is missing"):
        read_from_client(json.dumps(frame))
