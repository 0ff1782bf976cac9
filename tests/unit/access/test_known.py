"""Revoked tokens and bans, as a process knows them."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from feeds.access.denial import NotGranted, NoToken
from feeds.access.known import Known

KNOWN = Known(
    revoked=frozenset({"a1"}),
    clients=frozenset({"mallory"}),
    networks=(ip_network("192.0.2.7"), ip_network("198.51.100.0/24"), ip_network("2001:db8::/32")),
)


def test_revoked_token_is_refused() -> None:
    """A revoked token is refused; others are not."""
    KNOWN.ensure_not_revoked("b2")
    with pytest.raises(NoToken, match="revoked"):
        KNOWN.ensure_not_revoked("a1")


@pytest.mark.parametrize(
    ("client", "host", "sentence"),
    [
        ("mallory", "203.0.113.1", "client 'mallory' is banned here"),
        ("alice", "192.0.2.7", "the address 192.0.2.7 is banned here"),
        ("alice", "198.51.100.200", "the address 198.51.100.200 is banned here"),
        ("alice", "::ffff:198.51.100.200", "is banned here"),
        ("alice", "2001:db8::1", "is banned here"),
    ],
)
def test_banned_client_is_refused(client: str, host: str, sentence: str) -> None:
    """Names, addresses and networks can be banned; an IPv4 address also matches as IPv6."""
    with pytest.raises(NotGranted, match=sentence):
        KNOWN.ensure_not_banned(client, host)


@pytest.mark.parametrize("host", ["192.0.2.8", "2001:db9::1", "::ffff:192.0.2.8", "unknown", ""])
def test_others_are_not_banned(host: str) -> None:
    """Other addresses, and texts that are not addresses, are admitted."""
    KNOWN.ensure_not_banned("alice", host)
