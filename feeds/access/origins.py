"""
The origins of browsers: a page of another site must not connect in its visitor's name.

A browser always sends an ``Origin``, which no page can forge. Other programs send none or any
value, so it proves nothing about them. Programs that send none are let in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.http.request import split_domain_port, validate_host

from feeds.access.denial import NotGranted

ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """The rule for handshakes of browsers."""

    is_checked: bool
    """Whether there is a rule; otherwise every page may connect."""
    hosts: Sequence[str]
    """Django's ALLOWED_HOSTS: the names that requests to this server may use."""
    listed: Sequence[str]
    """Origins that may connect, or `ANY`; empty: those whose host is one of `hosts`."""
    trusted: Sequence[str]
    """Further origins that may connect, if none are listed."""

    def ensure_allowed(self, origin: str, host: str) -> None:
        """Raise NotGranted unless a page of *origin* may connect to *host*, both as sent."""
        if not self.is_checked or not origin:
            return
        if not self._is_ours(host):
            raise NotGranted(f"Host {host[:80]!r} is not in ALLOWED_HOSTS of this server")
        if urlsplit(origin).netloc == host:
            return
        if self.listed:
            is_allowed = origin in self.listed or ANY in self.listed
        else:
            is_allowed = origin in self.trusted or self._is_ours(urlsplit(origin).netloc)
        if not is_allowed:
            raise NotGranted(f"pages of {origin[:80]!r} may not connect; see WEBSOCKET_ORIGINS")

    def _is_ours(self, host: str) -> bool:
        name, _ = split_domain_port(host)
        return bool(name) and validate_host(name, list(self.hosts))
