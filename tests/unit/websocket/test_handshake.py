"""The opening handshake: requests that are accepted, refused, or left to HTTP."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.websocket.handshake import NotAllowed, acceptance, is_upgrade, read_opening
from feeds.websocket.head import Head, read_head

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
FIELDS = {
    "Host": "server.example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}
"""The headers of RFC 6455, section 1.2."""


def request(target: str = "/chat?a=1", **changes: str | None) -> bytes:
    """Return a request for a WebSocket; None removes a header."""
    changed = {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"{name}: {value}" for name, value in (FIELDS | changed).items() if value is not None]
    return "\r\n".join([f"GET {target} HTTP/1.1", *lines, "", ""]).encode("latin-1")


def head(data: bytes) -> Head:
    """Return the head of *data*, which must be complete and valid."""
    found = read_head(data, 1000, 10)
    assert found is not None
    return found[0]


def test_example_of_the_standard() -> None:
    """The example of RFC 6455 gets the answer of RFC 6455."""
    opening = read_opening(head(request()))
    assert (opening.path, opening.query, opening.subprotocols) == (b"/chat", b"a=1", [])
    assert acceptance(opening.key, "chat", [(b"x", b"y")]) == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        b"Sec-WebSocket-Protocol: chat\r\nx: y\r\n\r\n"
    )


def test_what_follows_the_head_is_returned() -> None:
    """Frames that a client sends with its request are not lost."""
    found = read_head(request() + b"\x81\x80", 1000, 10)
    assert found is not None
    assert found[1] == b"\x81\x80"


@pytest.mark.parametrize(
    "changes",
    [
        {"Connection": "keep-alive, Upgrade"},
        {"Connection": "keep-alive,upgrade"},
        {"Upgrade": "WebSocket"},
        {"Upgrade": "h2c, websocket"},
        {"Content_Length": "0"},
        {"Origin": "null"},
        {"Host": "[::1]:8000"},
    ],
)
def test_other_words_for_the_same_are_accepted(changes: dict[str, str]) -> None:
    """Names and tokens may be in any case, and tokens may be in a list with others."""
    found = head(request(**changes))
    assert is_upgrade(found)
    assert read_opening(found).key == KEY.encode()


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"Connection": None}, 400, "Connection"),
        ({"Connection": "keep-alive"}, 400, "Connection"),
        ({"Sec_WebSocket_Version": None}, 426, "Version"),
        ({"Sec_WebSocket_Version": "8"}, 426, "Version"),
        ({"Sec_WebSocket_Key": None}, 400, "Key"),
        ({"Sec_WebSocket_Key": "short"}, 400, "Key"),
        ({"Sec_WebSocket_Key": f"{KEY}, {KEY}"}, 400, "Key"),
        ({"Host": None}, 400, "Host"),
        ({"Content_Length": "5"}, 400, "body"),
        ({"Transfer_Encoding": "chunked"}, 400, "body"),
        ({"target": "/#part"}, 400, "fragment"),
        ({"Sec_WebSocket_Protocol": "\xff"}, 400, "ASCII"),
    ],
)
def test_wrong_handshake_is_refused(changes: dict[str, str], status: int, word: str) -> None:
    """Each part of a handshake is required, and the refusal names the wrong one."""
    found = head(request(**changes))
    assert is_upgrade(found)
    with pytest.raises(NotAllowed, match=word) as refused:
        read_opening(found)
    assert refused.value.status == HTTPStatus(status)
    assert refused.value.lines == ("Sec-WebSocket-Version: 13",)


def test_subprotocols_are_read_in_their_order() -> None:
    """Offers are a list, in one header or in several."""
    lines = "a , b\r\nSec-WebSocket-Protocol: c"
    offered = read_opening(head(request(Sec_WebSocket_Protocol=lines))).subprotocols
    assert offered == ["a", "b", "c"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        request()[:-1],
        request().replace(b"GET", b"POST"),
        request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        request().replace(b"\r\n", b"\n"),
        request(target="/\xff"),
        request(target="/a b"),
        request(Host="a\r\n folded"),
        request(Host="a\0"),
        request(Host="a\rb"),
        request().replace(b"Host:", b"Host :"),
        request().replace(b"Host:", b": "),
        request(X="y" * 1000),
        request(X="\r\n".join(f"y\r\nX{number}: 1" for number in range(10))),
        b"\x16\x03\x01" + request(),
    ],
)
def test_irregular_heads_are_left_to_http(data: bytes) -> None:
    """An incomplete, invalid or large head is left to HTTP, which refuses it with a sentence."""
    assert read_head(data, 1000, 10) is None


def test_limits_are_exact() -> None:
    """A head exactly at the limits is read."""
    data = request()
    assert read_head(data + b"x" * 100, len(data) - 4, len(FIELDS)) is not None
    assert read_head(data, len(data) - 5, len(FIELDS)) is None
    assert read_head(data, len(data), len(FIELDS) - 1) is None


@given(data=st.binary(max_size=200), at=st.integers(0, 200))
def test_any_bytes_are_read_or_left(data: bytes, at: int) -> None:
    """Any bytes in a request end in a head, a refusal or nothing; nothing else is raised."""
    whole = request()
    found = read_head(whole[:at] + data + whole[at:], 1000, 10)
    if found is not None and is_upgrade(found[0]):
        with suppress(NotAllowed):
            read_opening(found[0])
