"""
Tokens as text.

A token begins with a mark, so that it can be recognised, and hidden, wherever it appears. All its
characters are legal in a header, in a subprotocol and in a URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .errors import BadRequest

MARK = "bft_"
"""The beginning of each token."""
PARAMETER = "token"
"""The parameter of a URL that may contain a token."""
MAX_TOKEN = 2048
"""The most characters of a token: it names at most 16 feeds."""
FORM = "a token begins with bft_ and has one dot; copy it as it was shown"

_TOKEN = re.compile(rf"{MARK}[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_IN_URL = re.compile(rf"(?:^|&){PARAMETER}=([^&]*)")
_IN_TEXT = re.compile(rf"{MARK}[\w.~%-]+|(?<=[?&]{PARAMETER}=)[^&\s\"'\\#]+")
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
_HIDDEN = "***"


def is_token(text: str) -> bool:
    """Tell whether *text* has the form of a token; only a server can tell whether it is valid."""
    return len(text) <= MAX_TOKEN and _TOKEN.fullmatch(text) is not None


def redacted(text: str) -> str:
    """Return *text* without the tokens in it, for logs and messages."""
    if MARK in text or f"{PARAMETER}=" in text:
        return _IN_TEXT.sub(_HIDDEN, text)
    return text


def offered_token(authorizations: Iterable[str], subprotocols: Iterable[str], query: str) -> str:
    """
    Return the token of a request; empty: it has none.

    *authorizations* are the values of its headers ``Authorization``; other schemes than Bearer
    are for proxies. Raises BadRequest if it has several, or one with a wrong form.
    """
    bearers = [match[1] for value in authorizations if (match := _BEARER.fullmatch(value))]
    in_subprotocols = [name for name in subprotocols if name.startswith(MARK)]
    found = {*bearers, *in_subprotocols, *_IN_URL.findall(query)} - {""}
    if len(found) > 1:
        raise BadRequest(f"{len(found)} different tokens are given; one is allowed")
    token = found.pop() if found else ""
    if token and not is_token(token):
        raise BadRequest(f"the token has the wrong form: {FORM}")
    return token
