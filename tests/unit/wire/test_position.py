"""Positions in a URL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.wire.errors import BadRequest
from clientapp.wire.names import EPOCH, FEED_NAME
from clientapp.wire.position import MAX_OFFSET, Position, format_after, parse_after

EPOCH_A = "0123456789ab"


@given(
    st.from_regex(FEED_NAME, fullmatch=True),
    st.from_regex(EPOCH, fullmatch=True),
    st.integers(0, MAX_OFFSET),
)
def test_positions_survive_a_round_trip(feed: str, epoch: str, offset: int) -> None:
    """Any position is read back from the URL unchanged."""
    position = Position(epoch, offset)

    assert parse_after(format_after(feed, position)) == (feed, position)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "users",
        "users:41",
        f"users:{EPOCH_A}",
        f"users:{EPOCH_A}:",
        f"users:{EPOCH_A}:-1",
        f"users:{EPOCH_A}:+1",
        f"users:{EPOCH_A}:1.0",
        f"users:{EPOCH_A}:1:2",
        f"users:{EPOCH_A}:\u0664",
        f"users:{EPOCH_A}:" + "9" * 17,
        f"users:{EPOCH_A}0:1",
        "users:0123456789AB:1",
        f"Users:{EPOCH_A}:1",
        f":{EPOCH_A}:1",
        "\ud800",
    ],
    ids=ascii,
)
def test_wrong_position_is_refused(text: str) -> None:
    """A refusal shows the value and the allowed form."""
    with pytest.raises(BadRequest) as refused:
        parse_after(text)

    assert str(refused.value) == (
        f"after={text!r} is not allowed: write FEED:EPOCH:OFFSET, for example users:0123456789ab:41"
    )


def test_offsets_are_bounded() -> None:
    """No offset is larger than JavaScript counts exactly."""
    with pytest.raises(BadRequest, match=f"is not allowed: offsets end at {MAX_OFFSET}"):
        parse_after(f"users:{EPOCH_A}:{MAX_OFFSET + 1}")


def test_long_value_makes_a_short_sentence() -> None:
    """The sentence fits into the frame that carries it."""
    with pytest.raises(BadRequest) as refused:
        parse_after("x" * 8000)

    assert len(str(refused.value)) < 200
