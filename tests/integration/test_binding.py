"""Unix sockets and passed sockets, beside the addresses of test_address.py."""

from __future__ import annotations

import argparse
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.core.management.base import CommandError

from feeds.management.address import Address
from feeds.management.binding import ALLOWED, listen, parse, shown
from feeds.management.passedsocket import PassedSocket, is_activated
from feeds.management.unixsocket import UnixSocket


@pytest.fixture
def place() -> Iterator[UnixSocket]:
    """Give a test a path that is short enough for a socket."""
    with TemporaryDirectory(prefix="bf-") as folder:
        yield UnixSocket(Path(folder, "socket"))


@pytest.mark.parametrize(
    ("text", "binding"),
    [
        ("127.0.0.1:8000", Address("127.0.0.1", 8000)),
        ("unix:/run/blockfeed/socket", UnixSocket(Path("/run/blockfeed/socket"))),
        ("fd:", PassedSocket(None)),
        ("fd:3", PassedSocket(3)),
    ],
)
def test_each_kind_is_shown_as_given(text: str, binding: object) -> None:
    """A value of --bind is read as one of three kinds, and shown exactly as it was given."""
    assert parse(text) == binding
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "unix:",
        "unix:socket",
        "unix:/run/",
        "unix:/a\nb",
        "fd:x",
        "fd:-1",
        "fd:٣",
        "fd:12345",
        "8000",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """The sentence repeats the text and states the rule."""
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        parse(text)
    assert str(refused.value) == f"{text!r} is not allowed: {ALLOWED}"


def test_only_owner_and_group_may_connect(place: UnixSocket) -> None:
    """A Unix socket has mode 0660, whatever the umask; the umask is restored."""
    before = os.umask(0)
    try:
        with place.listen(backlog=3):
            assert stat.S_IMODE(place.path.stat().st_mode) == 0o660
        assert os.umask(0) == 0
    finally:
        os.umask(before)


def test_socket_of_an_ended_server_is_replaced(place: UnixSocket) -> None:
    """A file on which nobody listens any more does not stop the next server."""
    place.listen(backlog=3).close()
    assert place.path.is_socket()
    with place.listen(backlog=3), socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(place.path))


def test_socket_of_a_server_is_refused(place: UnixSocket) -> None:
    """A socket in use is refused, even if its queue is full, and keeps working."""
    with place.listen(backlog=0) as first, socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(place.path))
        for _ in range(2):
            with pytest.raises(CommandError, match="another server listens there"):
                place.listen(backlog=3)
        first.accept()[0].close()


def test_other_files_are_left_alone(place: UnixSocket) -> None:
    """A file that is not a socket is refused, and kept."""
    place.path.write_text("mine")
    with pytest.raises(CommandError, match="the path exists and is not a socket"):
        place.listen(backlog=3)
    assert place.path.read_text() == "mine"


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/no-such-folder/socket", "No such file or directory"), ("x" * 200, "path too long")],
)
def test_failure_to_bind_is_explained(place: UnixSocket, path: str, reason: str) -> None:
    """Every failure is one sentence with the path."""
    wrong = UnixSocket(place.path.parent / path)
    with pytest.raises(CommandError) as refused:
        wrong.listen(backlog=3)
    assert str(refused.value).startswith(f"cannot listen at {wrong}: ")
    assert reason in str(refused.value)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
def test_passed_socket_is_shown_with_its_address(
    family: socket.AddressFamily, place: UnixSocket
) -> None:
    """A descriptor becomes a listening socket, and the real address is shown."""
    name = {socket.AF_INET: ("127.0.0.1", 0), socket.AF_INET6: ("::1", 0)}
    given = socket.socket(family)
    given.bind(name.get(family, str(place.path)))
    given.listen()
    port = given.getsockname()[1]
    at = PassedSocket(given.detach())
    with listen(at, "", backlog=3, reuse_port=False) as taken:
        assert not taken.getblocking()
        assert not taken.get_inheritable()
        places = {
            socket.AF_INET: f"http://127.0.0.1:{port}",
            socket.AF_INET6: f"http://[::1]:{port}",
        }
        where = places.get(family, str(place))
        end, below = ("/", "/x/") if family in places else ("", ", path /x/")
        assert shown(at, taken, "") == f"{where}{end} ({at})"
        assert shown(at, taken, "/x") == f"{where}{below} ({at})"


@pytest.mark.parametrize(
    ("text", "where"), [("", "http://127.0.0.1:1/"), ("/x", "http://127.0.0.1:1/x/")]
)
def test_address_is_shown_with_the_prefix(text: str, where: str) -> None:
    """The address of pages includes the path prefix."""
    with socket.socket() as listener:
        assert shown(Address("127.0.0.1", 1), listener, text) == where


def test_descriptors_of_other_kinds_are_refused() -> None:
    """A file, a datagram socket, a non-listening socket and a closed descriptor are refused."""
    file = os.open(__file__, os.O_RDONLY)
    with socket.socket() as deaf, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        closed = os.dup(file)
        os.close(closed)
        for number, reason in (
            (file, "not a socket"),
            (closed, "not a socket"),
            (deaf.fileno(), "not a listening stream socket"),
            (datagrams.fileno(), "not a listening stream socket"),
        ):
            with pytest.raises(CommandError, match=f"cannot listen at fd:{number}: it is {reason}"):
                PassedSocket(number).take()
        deaf.getsockname()  # the caller's sockets stay open
    os.close(file)


@pytest.mark.parametrize(
    ("variables", "is_ours"),
    [
        ({}, False),
        ({"LISTEN_FDS": "1"}, False),
        ({"LISTEN_PID": "7"}, False),
        ({"LISTEN_FDS": "0", "LISTEN_PID": "7"}, False),
        ({"LISTEN_FDS": "x", "LISTEN_PID": "7"}, False),
        ({"LISTEN_FDS": "1", "LISTEN_PID": "1"}, False),
        ({"LISTEN_FDS": "1", "LISTEN_PID": "7"}, True),
    ],
    ids=str,
)
def test_socket_of_systemd_must_be_for_this_process(
    variables: dict[str, str],
    is_ours: bool,  # noqa: FBT001  parametrized
) -> None:
    """Variables that were meant for a parent, or that name no socket, are ignored."""
    assert is_activated(variables, pid=7) is is_ours
