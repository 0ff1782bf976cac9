"""The address of a server, with its credentials kept out of sight."""

from __future__ import annotations

import re
from typing import Self
from urllib.parse import unquote, urlsplit

from ..wire.token import FORM, is_token, redacted
from .errors import BadUsage

DEFAULT_URL = "ws://127.0.0.1:8000/"
URL_RULE = "the server's address, ws://HOST:PORT/ or wss://HOST:PORT/"

_CREDENTIALS = re.compile(r"//[^/\s]*@")


class ServerUrl(str):
    """
    An address as text without credentials; only `full` and `token` have them.

    So code that shows, stores or compares an address never includes the credentials.
    """

    __slots__ = ("credentials", "token")

    credentials: str
    """User and password as written, with a colon between; empty: none."""
    token: str
    """The client's token; empty: none."""

    def __new__(cls, text: str, token: str = "") -> Self:
        """Split *text*; a `ServerUrl` is returned unchanged."""
        if isinstance(text, cls):
            return text
        scheme, mark, rest = text.partition("://")
        authority, slash, path = rest.partition("/")
        credentials, _, host = authority.rpartition("@")
        url = super().__new__(cls, f"{scheme}{mark}{host}{slash}{path}")
        url.credentials = credentials
        url.token = token
        return url

    def with_token(self, token: str) -> ServerUrl:
        """Return the same address with *token*; raises BadUsage if the token has a wrong form."""
        if token and not is_token(token):
            raise BadUsage(f"the token is not allowed: {FORM}")
        return ServerUrl(self.full, token)

    @property
    def full(self) -> str:
        """The address with its credentials, to connect with."""
        return self.replace("://", f"://{self.credentials}@", 1) if self.credentials else str(self)


def without_credentials(text: str) -> str:
    """Return a sentence without tokens and the credentials of the addresses in it."""
    return redacted(_CREDENTIALS.sub("//", text))


def server_url(text: str) -> ServerUrl:
    """Return *text* as the address of a server; raises BadUsage."""
    try:
        parts = urlsplit(text)
        (parts.hostname or "").encode("idna")
        is_good = parts.scheme in {"ws", "wss"} and bool(parts.hostname) and parts.port != 0
        # The WebSocket library decodes both this way, and rejects a user without password.
        unquote(parts.netloc, errors="strict")
        is_good &= (parts.username is None) == (parts.password is None)
    except ValueError:
        is_good = False
    if not is_good or re.search(r"[\s?#]", text) or not text.isprintable():
        # The message leaves out anything that may be a password.
        shown = redacted(re.sub(r"//.*@", "//USER:PASSWORD@", text))
        raise BadUsage(f"{shown!r} is not allowed: {URL_RULE}")
    return ServerUrl(text)
