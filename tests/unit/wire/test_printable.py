"""What the other side said, shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.wire.printable import printable


@given(st.text(st.characters()))
def test_the_result_prints(text: str) -> None:
    """Nothing that is shown can move a cursor, forge a line, or fail to be written."""
    assert printable(text).isprintable()
    assert printable(text).encode().decode() == printable(text)


@given(st.text().filter(str.isprintable))
def test_what_prints_is_left_alone(text: str) -> None:
    """Letters of any script are shown as they are."""
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
def test_the_rest_is_escaped(text: str, shown: str) -> None:
    """Each character that does not print stands there by its escape."""
    assert printable(text) == shown
