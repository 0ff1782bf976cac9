"""Text from the other side, made printable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.wire.printable import printable


@given(st.text(st.characters()))
def test_result_is_printable(text: str) -> None:
    """The result cannot move a cursor, forge a line, or fail to be encoded."""
    assert printable(text).isprintable()
    assert printable(text).encode().decode() == printable(text)


@given(st.text().filter(str.isprintable))
def test_printable_text_is_unchanged(text: str) -> None:
    """Letters of any script are shown unchanged."""
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("\x1b[2J", r"\x1b[2J"),
        ("Zoë\t", r"Zoë\t"),
        ("\u202e", r"\u202e"),
        ("\ud800", r"\ud800"),
        ("\U000e0001", r"\U000e0001"),
        ("it's", "it's"),
    ],
)
def test_other_characters_are_escaped(text: str, shown: str) -> None:
    """Each unprintable character is replaced by its escape."""
    assert printable(text) == shown
