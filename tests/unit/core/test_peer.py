"""The address of a client behind a proxy."""

import pytest

from feeds.core.peer import NO_PORT, forwarded_host, peer


@pytest.mark.parametrize(
    ("values", "host"),
    [
        ([b"203.0.113.9"], "203.0.113.9"),
        ([b"2001:DB8::1"], "2001:db8::1"),
        ([b"198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ([b"198.51.100.1", b"203.0.113.9"], "203.0.113.9"),
        ([b"203.0.113.9:4711"], "203.0.113.9"),
        ([b"[2001:db8::1]"], "2001:db8::1"),
        ([b"[2001:db8::1]:4711"], "2001:db8::1"),
        ([b'"[2001:db8::1]:4711"'], "2001:db8::1"),
        ([b"2001:db8::1:4711"], "2001:db8::1:4711"),
        ([b"::1"], "::1"),
        ([], None),
        ([b""], None),
        ([b"203.0.113.9:"], None),
        ([b"203.0.113.9:x"], None),
        ([b"[203.0.113.9"], None),
        ([b"[]:1"], None),
        ([b":1"], None),
        ([b"203.0.113.9, unknown"], None),
        ([b"\xff"], None),
        ([b"fe80::1%\x1b[31m"], None),
    ],
    ids=range(20),
)
def test_nearest_proxy_is_trusted(values: list[bytes], host: str | None) -> None:
    """The last address in the header counts; a value that is not an address is ignored."""
    headers = [(b"host", b"x"), *((b"x-forwarded-for", value) for value in values)]
    assert forwarded_host(headers) == host


@pytest.mark.parametrize(
    ("client", "shown"),
    [
        (["127.0.0.1", 41400], "127.0.0.1:41400"),
        (["203.0.113.9", NO_PORT], "203.0.113.9"),
        (None, "unix"),
    ],
)
def test_peer_is_shown_as_one_word(client: list[str | int] | None, shown: str) -> None:
    """An unknown port is left out; a Unix socket has no address."""
    assert peer(client) == shown
