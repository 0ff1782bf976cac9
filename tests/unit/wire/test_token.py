"""Tokens as text."""

from __future__ import annotations

import pytest

from clientapp.wire.errors import BadRequest
from clientapp.wire.token import MAX_TOKEN, is_token, offered_token, redacted

TOKEN = "bft_eyJrIjoiYSJ9.aB-_9"


@pytest.mark.parametrize(
    "text",
    ["", "bft_", "bft_a", "bft_a.", "bft_a.b.c", "eyJrIjoiYSJ9.aB", f"{TOKEN} ", "bft_ä.b"],
)
def test_other_text_is_no_token(text: str) -> None:
    """A token has its mark, one dot, legal characters and a bounded length."""
    assert is_token(TOKEN)
    assert is_token(f"bft_a.{'b' * (MAX_TOKEN - 6)}")
    assert not is_token(f"bft_a.{'b' * (MAX_TOKEN - 5)}")
    assert not is_token(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing here", "nothing here"),
        (f"a {TOKEN}, b", "a ***, b"),
        (f"GET /?client=a&token={TOKEN}&feed=b", "GET /?client=a&token=***&feed=b"),
        ("GET /?token=s3cret HTTP/1.1", "GET /?token=*** HTTP/1.1"),
        ('{"path":"/?token=s3cret","n":1}', '{"path":"/?token=***","n":1}'),
        (f"{TOKEN} {TOKEN}", "*** ***"),
        ("bft_torn", "***"),
        ("the token=one of them", "the token=one of them"),
    ],
)
def test_tokens_are_hidden_in_text(text: str, shown: str) -> None:
    """Tokens, parts of tokens, and any value of the parameter in a URL are replaced."""
    assert redacted(text) == shown


@pytest.mark.parametrize(
    ("authorizations", "subprotocols", "query", "token"),
    [
        ([], [], "", ""),
        (["Basic YTpi"], ["blockfeed.v1"], "token=", ""),
        ([f"Bearer {TOKEN}"], [], "", TOKEN),
        ([f"bearer  {TOKEN} "], [], "", TOKEN),
        (["Basic YTpi"], ["blockfeed.v1", TOKEN], "client=a", TOKEN),
        ([], [], f"client=a&token={TOKEN}", TOKEN),
        ([], [], f"mytoken={TOKEN}", ""),
        ([f"Bearer {TOKEN}"], [TOKEN], f"token={TOKEN}", TOKEN),
    ],
)
def test_token_is_found(
    authorizations: list[str], subprotocols: list[str], query: str, token: str
) -> None:
    """The token may be in a header, a subprotocol and the URL, also in several of them."""
    assert offered_token(authorizations, subprotocols, query) == token


@pytest.mark.parametrize(
    ("authorizations", "subprotocols", "query", "sentence"),
    [
        (
            [f"Bearer {TOKEN}"],
            [],
            f"token={TOKEN}9",
            "2 different tokens are given",
        ),
        (["Bearer s3cret"], [], "", "the token has the wrong form"),
        ([], ["bft_"], "", "the token has the wrong form"),
        ([], [], "token=s3cret", "the token has the wrong form"),
    ],
)
def test_wrong_token_is_refused_without_showing_it(
    authorizations: list[str], subprotocols: list[str], query: str, sentence: str
) -> None:
    """The sentence says what is wrong, and has no part of the token."""
    with pytest.raises(BadRequest, match=sentence) as refused:
        offered_token(authorizations, subprotocols, query)
    assert "s3cret" not in str(refused.value)
