"""The origins of browsers."""

from __future__ import annotations

import pytest

from feeds.access.denial import NotGranted
from feeds.access.origins import Origins

HOSTS = ("feeds.example.org", ".sub.example.org", "127.0.0.1", "[::1]")
BY_HOST = Origins(is_checked=True, hosts=HOSTS, listed=(), trusted=("https://trusted.example.com",))
LISTED = Origins(
    is_checked=True,
    hosts=HOSTS,
    listed=("https://app.example.com", "http://127.0.0.1:5173", "null"),
    trusted=("https://trusted.example.com",),
)
ANY = Origins(is_checked=True, hosts=HOSTS, listed=("*",), trusted=())


@pytest.mark.parametrize(
    ("rule", "origin", "host"),
    [
        (BY_HOST, "", "anything"),
        (BY_HOST, "https://feeds.example.org", "feeds.example.org"),
        (BY_HOST, "http://feeds.example.org:8080", "127.0.0.1:8000"),
        (BY_HOST, "https://one.sub.example.org", "[::1]:8000"),
        (BY_HOST, "https://trusted.example.com", "127.0.0.1"),
        (LISTED, "https://app.example.com", "feeds.example.org"),
        (LISTED, "http://127.0.0.1:5173", "127.0.0.1:8000"),
        (LISTED, "null", "feeds.example.org"),
        (LISTED, "https://feeds.example.org:8443", "feeds.example.org:8443"),
        (ANY, "https://evil.example.com", "feeds.example.org"),
    ],
)
def test_page_is_allowed(rule: Origins, origin: str, host: str) -> None:
    """The server's own pages, listed pages, and clients without an Origin may connect."""
    rule.ensure_allowed(origin, host)


@pytest.mark.parametrize(
    ("rule", "origin", "host", "named"),
    [
        (BY_HOST, "https://evil.example.com", "feeds.example.org", "https://evil.example.com"),
        (BY_HOST, "null", "feeds.example.org", "'null'"),
        (BY_HOST, "https://feeds.example.org.evil.com", "feeds.example.org", "evil.com"),
        (LISTED, "https://trusted.example.com", "feeds.example.org", "trusted.example.com"),
        (LISTED, "http://127.0.0.1:5174", "127.0.0.1:8000", "5174"),
        (ANY, "https://evil.example.com", "evil.example.com", "Host 'evil.example.com'"),
        (BY_HOST, "https://feeds.example.org", "", "Host ''"),
    ],
)
def test_page_is_refused(rule: Origins, origin: str, host: str, named: str) -> None:
    """A page of another site, and one that calls the server by another name, may not connect."""
    with pytest.raises(NotGranted) as refused:
        rule.ensure_allowed(origin, host)
    assert named in str(refused.value)


def test_nothing_is_checked_without_a_rule() -> None:
    """During development every page may connect."""
    rule = Origins(is_checked=False, hosts=(), listed=(), trusted=())
    rule.ensure_allowed("https://evil.example.com", "evil.example.com")
