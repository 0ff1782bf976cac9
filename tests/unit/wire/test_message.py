"""Messages and their lines."""

from dataclasses import replace
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.wire import codec, names
from clientapp.wire.errors import MalformedMessage
from clientapp.wire.message import Message, make_line, read_message

LINE = b'{"type":"message","feed":"users","offset":3,"at":5000000,"data":[1, 2]}'

records = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(
    st.builds(
        Message,
        st.from_regex(names.FEED_NAME, fullmatch=True),
        st.integers(1, codec.MAX_INTEGER),
        st.integers(0, codec.MAX_INTEGER),
        records,
        st.just(0),
    )
)
def test_messages_survive_a_round_trip(message: Message) -> None:
    """Any record of any feed at any time is read back from its line unchanged."""
    data = codec.encode({"data": message.data})[len('{"data":') : -1].encode()
    line = make_line(message.feed, message.offset, message.at, data)

    assert read_message(codec.decode(line), line) == replace(message, crc=crc32(line))


def test_line_is_pinned() -> None:
    """The line contains the record byte for byte."""
    assert make_line("users", 3, 5_000_000, b"[1, 2]") == LINE


@pytest.mark.parametrize(
    ("field", "value"),
    [("feed", 1), ("feed", "u" * 41), ("offset", 0), ("offset", 2**53), ("at", -1), ("at", 1.0)],
)
def test_wrong_fields_are_named(field: str, value: object) -> None:
    """A message with a wrong feed, offset or time is refused."""
    obj = codec.decode(LINE) | {field: value}

    with pytest.raises(MalformedMessage, match=f"{field} is {value!r}; it must be"):
        read_message(obj, LINE)
