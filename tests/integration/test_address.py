"""Addresses as people write them, and the sockets they lead to."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys

import pytest
from django.core.management.base import CommandError

from feeds.management.address import ALLOWED, Address
from tests.support.stack import free_port


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8000", "127.0.0.1", 8000),
        ("0.0.0.0:1", "0.0.0.0", 1),
        ("feeds-1.example.org:65535", "feeds-1.example.org", 65535),
        ("[::1]:8000", "::1", 8000),
        ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
    ],
)
def test_address_is_shown_as_given(text: str, host: str, port: int) -> None:
    """An address is shown exactly as it was given."""
    assert Address.parse(text) == Address(host, port)
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8000",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:123456",
        "127.0.0.1:http",
        "127.0.0.1:٨٠٠٠",
        ":8000",
        "::1:8000",
        "[]:8000",
        "[127.0.0.1]:8000",
        "[::g]:8000",
        "a..b:8000",
        f"{'a' * 64}:8000",
        "a b:8000",
        "http://127.0.0.1:8000",
    ],
)
def test_invalid_address_is_refused(text: str) -> None:
    """The sentence repeats the text and states the rule."""
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        Address.parse(text)
    assert str(refused.value) == f"{text!r} is not allowed: {ALLOWED}"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (Address("192.0.2.1", 8000), os.strerror(errno.EADDRNOTAVAIL)),
        (Address("no-such-host.invalid", 8000), ""),
    ],
)
def test_failure_to_listen_is_explained(address: Address, reason: str) -> None:
    """Every failure is one sentence with the address and the next step."""
    with pytest.raises(CommandError) as refused:
        address.listen("serve elsewhere")
    said = str(refused.value)
    assert said.startswith(f"cannot listen at {address}: {reason}")
    assert said.endswith(". Name another address: serve elsewhere")
    assert "while" not in said


@pytest.mark.parametrize(("port", "suggested"), [(8000, 8001), (8001, 8002), (8002, 8001)])
def test_suggested_port_is_another_one(port: int, suggested: int) -> None:
    """The suggested address never has the port that could not be used."""
    with pytest.raises(CommandError) as refused:
        Address("192.0.2.1", port).listen("serve at {port}")
    assert str(refused.value).endswith(f". Name another address: serve at {suggested}")


def test_port_above_the_highest_is_refused() -> None:
    """A port above 65535 is refused, even if it was not parsed from text."""
    with pytest.raises(CommandError, match="port 70000 is not allowed: the highest is 65535"):
        Address("127.0.0.1", 70_000)


def test_port_is_shared_with_reuse_port() -> None:
    """With reuse_port two sockets listen at one address; without it the second is refused."""
    address = Address("127.0.0.1", free_port())
    with (
        address.listen("", reuse_port=True),
        address.listen("", reuse_port=True),
        pytest.raises(CommandError, match=os.strerror(errno.EADDRINUSE)),
    ):
        address.listen("")


@pytest.mark.skipif(
    sys.platform != "linux", reason="a full queue behaves differently on each system"
)
def test_backlog_bounds_waiting_connections() -> None:
    """The queue holds one connection more than the backlog; the next one has to retry."""
    address = Address("127.0.0.1", free_port())
    callers = [socket.socket() for _ in range(5)]
    with address.listen("", backlog=3):
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex((address.host, address.port))
        states = [
            caller.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] for caller in callers
        ]
    for caller in callers:
        caller.close()
    established, trying = 1, 2
    assert states == [established] * 4 + [trying]
