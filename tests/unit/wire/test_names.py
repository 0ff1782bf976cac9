"""Names of clients, feeds and sessions."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.wire import names


@pytest.mark.parametrize("name", ["a", "alice", "Zoë K.", "_x", "7", "a@b.c+d-e", "李", "a" * 64])
def test_client_name_is_accepted(name: str) -> None:
    """A client name has letters of any script, digits, and the characters of mail addresses."""
    assert names.is_client_name(name)


@pytest.mark.parametrize(
    "name",
    ["", " a", "a ", ".a", "-a", "@a", "a/b", "a\\b", "a:b", "a\tb", "a\n", "a\u202eb", "a" * 65],
)
def test_wrong_client_name_is_refused(name: str) -> None:
    """A client name has no separators, no unprintable characters and no outer spaces."""
    assert not names.is_client_name(name)


@given(st.from_regex(names.CLIENT_NAME, fullmatch=True))
def test_client_names_are_safe_to_show(name: str) -> None:
    """A client name is printable, and a single component of a path."""
    assert name.isprintable()
    assert not set(name) & set("/\\:\0")


IGNORABLE = (
    *(0x00AD, 0x034F, 0x061C, 0x3164, 0xFEFF, 0xFFA0, 0x2800),
    *range(0x115F, 0x1161),
    *range(0x17B4, 0x17B6),
    *range(0x180B, 0x1810),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10),
    *range(0xFFF0, 0xFFF9),
    *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B),
    *range(0xE0000, 0xE1000),
)
"""Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties), and the blank Braille pattern."""


@pytest.mark.parametrize("name", ["{}", "alice{}", "{}alice", "al{}ice"])
def test_name_without_a_visible_difference_is_refused(name: str) -> None:
    """A name with an invisible character or any white space but a space is refused."""
    white = [code for code in range(sys.maxunicode + 1) if chr(code).isspace() and code != 0x20]
    accepted = [
        hex(code) for code in (*IGNORABLE, *white) if names.is_client_name(name.format(chr(code)))
    ]
    assert accepted == []


@pytest.mark.parametrize("name", ["u", "users", "a-b_c9", "a" * 40])
def test_feed_name_is_accepted(name: str) -> None:
    """A feed name has lower-case letters, digits, - and _."""
    assert names.is_feed_name(name)


@pytest.mark.parametrize("name", ["", "Users", "9a", "-a", "a b", "a.b", "é", "a\n", "a" * 41])
def test_wrong_feed_name_is_refused(name: str) -> None:
    """A feed name has only characters that the name of a channel group may have."""
    assert not names.is_feed_name(name)


@pytest.mark.parametrize(
    ("key", "is_key"),
    [
        ("a" * 15, False),
        ("a" * 16, True),
        ("A_-9" * 16, True),
        ("a" * 65, False),
        ("é" * 16, False),
    ],
)
def test_session_key_has_its_length(key: str, is_key: bool) -> None:  # noqa: FBT001  a parameter
    """A key is too long to be guessed, and fits its column."""
    assert names.is_session_key(key) is is_key


def test_key_prefix_keeps_half_secret() -> None:
    """The prefix of the shortest key leaves half of it secret."""
    assert names.key_prefix("0123456789abcdef") == "01234567"
