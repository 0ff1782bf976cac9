"""Names of clients, feeds and sessions."""

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
