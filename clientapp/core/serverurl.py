"""The address of a server, with its credentials kept out of sight."""

from __future__ import annotations

import re
from typing import Self

_CREDENTIALS = re.compile(r"//[^/\s]*@")


class ServerUrl(str):
    """
    An address as text without credentials; only `full` has them.

    So code that shows, stores or compares an address never includes them.
    """

    __slots__ = ("credentials",)

    credentials: str
    """User and password as written, with a colon between; empty: none."""

    def __new__(cls, text: str) -> Self:
        """Split *text*; a `ServerUrl` is returned unchanged."""
        if isinstance(text, cls):
            return text
        scheme, mark, rest = text.partition("://")
        authority, slash, path = rest.partition("/")
        credentials, _, host = authority.rpartition("@")
        url = super().__new__(cls, f"{scheme}{mark}{host}{slash}{path}")
        url.credentials = credentials
        return url

    @property
    def full(self) -> str:
        """The address with its credentials, to connect by."""
        return self.replace("://", f"://{self.credentials}@", 1) if self.credentials else str(self)


def without_credentials(text: str) -> str:
    """Return a sentence without the credentials of the addresses in it."""
    return _CREDENTIALS.sub("//", text)
