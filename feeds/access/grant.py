"""The contents of a token: what its bearer may receive."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from clientapp.wire.request import DEFAULT_CLIENT, Request
from feeds.access.denial import NotGranted, NoToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The rights of one token."""

    key: str
    """The identifier of the token, used to revoke it; not a secret."""
    client: str = ""
    """The only name that a client may use; empty: any."""
    feeds: tuple[str, ...] = ()
    """The only feeds that it may receive; empty: all."""
    connections: int | None = None
    """Connections to one server process at the same time; None: any number."""
    expires: int | None = None
    """When it expires, in seconds since 1970; None: never."""

    def write(self) -> dict[str, Any]:
        """Return the grant as JSON, with short names: it travels with each connection."""
        said = {
            "k": self.key,
            "c": self.client,
            "f": list(self.feeds),
            "n": self.connections,
            "e": self.expires,
        }
        return {name: value for name, value in said.items() if value not in ("", [], None)}

    @classmethod
    def read(cls, said: dict[str, Any]) -> Grant:
        """Return the grant that `write` wrote; its signature was checked before."""
        return cls(
            key=said["k"],
            client=said.get("c", ""),
            feeds=tuple(said.get("f", ())),
            connections=said.get("n"),
            expires=said.get("e"),
        )

    def ensure_current(self, now: float) -> None:
        """Raise NoToken if it has expired at *now*, in seconds since 1970."""
        if self.expires is not None and now >= self.expires:
            raise NoToken("the token has expired; ask for a new one")

    def ensure_covers(self, feeds: Iterable[str]) -> None:
        """Raise NotGranted unless it covers all *feeds*."""
        for feed in feeds:
            if self.feeds and feed not in self.feeds:
                allowed = " and ".join(self.feeds)
                raise NotGranted(f"the token is not for feed {feed[:40]!r}; it is for {allowed}")

    def named(self, request: Request) -> Request:
        """
        Return *request* as this grant allows it; raises NotGranted.

        A client that gives no name gets the name in the grant, if there is one.
        """
        self.ensure_covers(request.feeds)
        if not self.client or request.client == self.client:
            return request
        if request.client != DEFAULT_CLIENT:
            raise NotGranted(f"the token is for client {self.client!r}, not {request.client!r}")
        return replace(request, client=self.client)
