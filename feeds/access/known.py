"""The revoked tokens and the bans, as a server process knows them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from feeds.access.denial import NotGranted, NoToken

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The revoked tokens, and the banned names and addresses."""

    revoked: frozenset[str] = frozenset()
    """The keys of revoked tokens."""
    clients: frozenset[str] = frozenset()
    """The names of banned clients."""
    networks: tuple[Network, ...] = ()
    """The banned addresses."""

    def ensure_not_revoked(self, key: str) -> None:
        """Raise NoToken if the token *key* was revoked."""
        if key in self.revoked:
            raise NoToken("the token was revoked")

    def ensure_not_banned(self, client: str, host: str) -> None:
        """Raise NotGranted if the name *client* or the address *host* is banned."""
        if client in self.clients:
            raise NotGranted(f"client {client!r} is banned here")
        if self.networks and is_in(host, self.networks):
            raise NotGranted(f"the address {host} is banned here")


def is_in(host: str, networks: tuple[Network, ...]) -> bool:
    """Tell whether *host* is an address in one of *networks*."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # an IPv4 client of an IPv6 socket
    return any(address in network for network in networks)
