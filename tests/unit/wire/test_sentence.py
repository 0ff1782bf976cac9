"""The block sentence of any client."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.wire import names
from clientapp.wire.from_server import Ack
from clientapp.wire.sentence import Sentence, parse_sentence, resembles_sentence


@given(
    st.from_regex(names.CLIENT_NAME, fullmatch=True).filter(names.is_client_name),
    st.integers(1, 2**53 - 1),
    st.integers(0, 10**9 - 1),
)
def test_sentences_survive_a_round_trip(client: str, block: int, milliseconds: int) -> None:
    """Every sentence that a client of the protocol writes is understood."""
    sentence = Sentence(client, block, milliseconds / 1000)

    assert parse_sentence(str(sentence)) == sentence


def test_surrounding_spaces_are_ignored() -> None:
    """A trailing line feed, as a terminal sends it, is ignored."""
    assert parse_sentence(" Client bob received 1 block in 2 s time\n") == Sentence("bob", 1, 2.0)


SENTENCE = "Client {} received {} block in {} time"


@given(st.floats(0, 1e9), st.sampled_from([repr, str, "{:.2f}".format, "{:e}".format]))
def test_any_float_is_understood(seconds: float, write: Callable[[float], str]) -> None:
    """The time may be a float in any notation of Python."""
    sentence = parse_sentence(SENTENCE.format("bob", 1, write(seconds)))

    assert sentence == Sentence("bob", 1, float(write(seconds)))


@given(st.timedeltas(timedelta(0), timedelta(days=11_000)))
def test_any_timedelta_is_understood(took: timedelta) -> None:
    """The time may be the text of ``datetime.now() - began``."""
    sentence = parse_sentence(SENTENCE.format("bob", 1, took))

    assert sentence is not None
    assert sentence.seconds == pytest.approx(took.total_seconds(), abs=1e-6)


@given(st.one_of(st.floats(max_value=-1e-9), st.sampled_from(["nan", "inf", "-inf", "1e99"])))
def test_impossible_time_is_not_a_sentence(seconds: object) -> None:
    """Text with a negative, infinite or unknown time is not a sentence."""
    assert parse_sentence(SENTENCE.format("bob", 1, seconds)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hey Server!",
        "Client bob received 1 block in s time",
        "Client bob received 1block in 2 s time",
        "Client bob received 1 block in 2 s time!",
        "Client bob received 1 block in 2 s time and more",
        "Client b\nob received 1 block in 2 s time",
        "Client b\0ob received 1 block in 2 s time",
        "Client bob received \u0661 block in 2 s time",
        "Client bob re\u017fceived 1 block in 2 s time",
        f"Client {'b' * 65} received 1 block in 2 s time",
        f"Client bob received {'9' * 5000} block in 2 s time",
        f"Client bob received 1 block in {'9' * 150} s time",
        f"Client bob received 1 block in 0.{'9' * 200} s time",
    ],
    ids=lambda text: ascii(text)[:60],
)
def test_other_text_is_not_a_sentence(text: str) -> None:
    """Text that differs from the wording is ordinary text."""
    assert parse_sentence(text) is None


@pytest.mark.parametrize(
    ("text", "is_similar"),
    [
        ("Client <bob> received <1> block in <2.5> time", True),
        (" client bob has received 3 blocks in 2,5 s time!", True),
        ("Client bob received 1 block", True),
        (f"Client {'b' * 65} received 1 block in 2 s time", True),
        ("Hey Server!", False),
        ("The client bob received 1 block", False),
        ("Client bob received nothing", False),
        ("client received " * 20_000 + "block", False),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_similar_text_is_recognised(text: str, *, is_similar: bool) -> None:
    """Text that its author probably meant as a sentence resembles one; other text does not."""
    assert parse_sentence(text) is None
    assert resembles_sentence(text) is is_similar


def test_every_block_can_be_acknowledged() -> None:
    """A block number that an acknowledgement cannot carry is not accepted."""
    last = parse_sentence(f"Client bob received {2**53 - 1} block in 2 s time")
    assert last is not None
    assert Ack.read(Ack(block=last.block, verdict="verified").write()).block == 2**53 - 1

    assert parse_sentence(f"Client bob received {2**53} block in 2 s time") is None
