"""Access to the metrics."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from feeds.metrics.access import refusal

LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1")]
OFFICE = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
HERE = (b"host", b"127.0.0.1:8000")
PUBLIC = (b"host", b"feeds.example.org")


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("127.0.0.1", b"127.0.0.1:8000"),
        ("127.0.0.1", b"localhost:8000"),
        ("127.0.0.1", b"LOCALHOST"),
        ("::1", b"[::1]:8000"),
        ("::ffff:127.0.0.1", b"127.0.0.1"),
    ],
)
def test_client_on_this_host_may_read(host: str, named: bytes) -> None:
    """A client with a loopback address that asks for this host gets an answer."""
    assert refusal((host, 50_000), [(b"host", named)], LOOPBACK, is_behind_proxy=False) == ""


@pytest.mark.parametrize("header", [b"x-forwarded-for", b"forwarded", b"via", b"x-real-ip"])
@pytest.mark.parametrize("is_behind_proxy", [False, True])
def test_clients_of_a_proxy_on_this_host_may_not(header: bytes, is_behind_proxy: bool) -> None:  # noqa: FBT001
    """The loopback address of a proxy gives its clients no access."""
    headers = [HERE, (header, b"203.0.113.9")]
    assert refusal(("127.0.0.1", 50_000), headers, LOOPBACK, is_behind_proxy=is_behind_proxy)


@pytest.mark.parametrize("named", [PUBLIC, (b"host", b""), (b"host", b"127.0.0.1.example.org")])
def test_request_for_a_public_name_is_not_of_this_host(named: tuple[bytes, bytes]) -> None:
    """A proxy that adds no header passes on the public name; so does a rebound browser."""
    why = refusal(("127.0.0.1", 50_000), [named], LOOPBACK, is_behind_proxy=False)
    assert why == "A client on this host must ask for localhost or 127.0.0.1."


def test_trusted_proxy_says_which_client_it_is() -> None:
    """Behind a proxy that is trusted, the last entry of its header decides, if it is an address."""
    allowed = (b"x-forwarded-for", b"203.0.113.9, 10.1.2.3")
    forged = (b"x-forwarded-for", b"10.1.2.3, 203.0.113.9")
    proxy = ("192.0.2.1", 50_000)
    assert refusal(proxy, [PUBLIC, allowed], OFFICE, is_behind_proxy=True) == ""
    for wrong in (forged, (b"x-forwarded-for", b"unix:")):
        assert refusal(proxy, [PUBLIC, wrong], OFFICE, is_behind_proxy=True)


def test_networks_decide() -> None:
    """An address outside of METRICS is named in the refusal; with no network all are refused."""
    assert refusal(("10.1.2.3", 50_000), [PUBLIC], OFFICE, is_behind_proxy=False) == ""
    assert refusal(("fd00::7", 50_000), [PUBLIC], OFFICE, is_behind_proxy=False) == ""
    why = refusal(("203.0.113.9", 50_000), [PUBLIC], OFFICE, is_behind_proxy=False)
    assert why == "METRICS does not allow 203.0.113.9. Add it to that setting."
    assert refusal(("127.0.0.1", 50_000), [HERE], [], is_behind_proxy=False)


@pytest.mark.parametrize("client", [None, ("", 0), ("/run/feeds.sock", 0)])
def test_client_without_an_address_is_refused(client: tuple[str, int] | None) -> None:
    """A Unix socket is usually a proxy's."""
    why = refusal(client, [HERE], LOOPBACK, is_behind_proxy=False)
    assert why == "The address of this client is unknown. Connect by TCP."
