"""
Access to the metrics: only for clients in the networks of METRICS.

A proxy on this host has a loopback address, but its clients are elsewhere. So a request with any
sign of a proxy is refused, unless the proxy is trusted to name its client.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from feeds.core.peer import forwarded_host

Network = IPv4Network | IPv6Network
Headers = Sequence[tuple[bytes, bytes]]

OF_PROXIES = frozenset(
    (b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto")
) | {b"x-real-ip"}
"""Headers that only proxies send."""
LOCAL = "localhost"


def refusal(
    client: Sequence[str | int] | None,
    headers: Headers,
    networks: Sequence[Network],
    *,
    is_behind_proxy: bool,
) -> str:
    """
    Return why the *client* of an ASGI scope may not read the metrics; empty if it may.

    *headers* have lower-case names. If *is_behind_proxy*, the nearest proxy reports
    the address of the client.
    """
    host = str(client[0]) if client else ""
    if any(name in OF_PROXIES for name, _ in headers):
        said = forwarded_host(headers) if is_behind_proxy else None
        if said is None:
            return "This request came through a proxy. Ask the server itself."
        host = said
    address = _address(host)
    if address is None:
        return "The address of this client is unknown. Connect by TCP."
    if not any(address in network for network in networks):
        return f"METRICS does not allow {address}. Add it to that setting."
    if address.is_loopback and not _is_local(headers):
        return "A client on this host must ask for localhost or 127.0.0.1."
    return ""


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_local(headers: Headers) -> bool:
    """Tell whether the request names this host; through a proxy it often has a public name."""
    host = next((value.decode("latin-1") for name, value in headers if name == b"host"), "")
    bare = host.partition("]")[0].strip("[") if host.startswith("[") else host.partition(":")[0]
    address = _address(bare)
    return bare.lower() == LOCAL or (address is not None and address.is_loopback)
