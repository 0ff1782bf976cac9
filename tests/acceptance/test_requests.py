"""HTTP requests of strangers: bounded in size, time and number, before anything is parsed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import chain, product, repeat
from pathlib import Path

import pytest

from feeds.core.limits import LIMITS
from feeds.serving.probes import PROBES
from tests.support.raw_client import RawClient
from tests.support.raw_http import RawHttp, request
from tests.support.stack import Program, Stack

FORM = "Content-Type: application/x-www-form-urlencoded"
TOO_LARGE = "The body of this request is larger than 131,072 bytes."


@pytest.fixture
def hurried(tmp_path: Path) -> Iterator[Stack]:
    """Give a test an installation that waits a second for requests, and only for five."""
    stack = Stack(tmp_path, settings="tests.support.hurried_settings")
    yield stack
    stack.close()


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Stack]:
    """Give a test an installation that answers no page, and waits for five requests."""
    stack = Stack(tmp_path, settings="tests.support.full_settings")
    yield stack
    stack.close()


def serve(stack: Stack, command: str) -> Program:
    """Start one of the two commands that serve."""
    if command == "runserver":
        return stack.server()
    server = stack.start("serve", "--bind", f"127.0.0.1:{stack.port}")
    server.wait_for("serving at")
    return server


@pytest.mark.parametrize("command", ["serve", "runserver"])
def test_body_is_refused_by_its_length(stack: Stack, command: str) -> None:
    """A body announced as too large is refused at its headers, from any origin."""
    serve(stack, command)
    for size in ("131073", "10000000000", "9" * 5000):
        with RawHttp(stack.port) as client:
            client.send(
                request("POST", FORM, "Origin: https://elsewhere", f"Content-Length: {size}")
            )
            answer = client.answer()
        assert answer.status == 413
        assert answer.body.startswith(TOO_LARGE)


def test_body_of_unknown_length_is_refused(stack: Stack) -> None:
    """A body in chunks, which may be tiny and without end, gets 411 and a sentence."""
    stack.server()
    with RawHttp(stack.port) as client:
        client.send(request("POST", FORM, "Transfer-Encoding: chunked") + "1\r\na\r\n" * 1000)
        answer = client.answer()
    assert answer.status == 411
    assert answer.body == ("This request does not say how long its body is. Send Content-Length.\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the files of a process")
def test_unfinished_body_takes_no_file(stack: Stack) -> None:
    """A body is kept in memory, so unfinished ones do not fill the folder for temporary files."""
    server = stack.server()

    def files() -> set[str]:
        found = set()
        for one in Path(f"/proc/{server.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                found.add(str(one.readlink()))
        return {name for name in found if name.endswith("(deleted)")}

    before = files()
    with RawHttp(stack.port) as client, RawHttp(stack.port) as other:
        client.send(request("POST", FORM, f"Content-Length: {LIMITS.body_bytes}"))
        client.send("a=&" * (LIMITS.body_bytes // 4))
        # By the time of this answer, the server has read the headers of the form.
        other.send(request("GET", path="/status.json"))
        assert other.answer().status == 200
        assert files() <= before


def test_body_is_parsed_by_django_alone(stack: Stack) -> None:
    """A form that cannot be read gets Django's answer; the server does not parse it."""
    stack.server()
    for kind, body in (
        ("multipart/form-data", "no boundary"),
        ("multipart/form-data; boundary=x", "--x\r\nnonsense"),
        ("application/x-www-form-urlencoded", "a=&" * 40_000),
    ):
        with RawHttp(stack.port) as client:
            client.send(request("POST", f"Content-Type: {kind}", f"Content-Length: {len(body)}"))
            client.send(body)
            answer = client.answer()
        assert answer.status in {400, 403}
        assert "X-Frame-Options" in answer.headers


def test_too_many_header_lines_are_refused(stack: Stack) -> None:
    """More header lines than any browser sends get 431 and a sentence."""
    stack.server()
    with RawHttp(stack.port) as client:
        client.send(request("GET", *(f"X-{number}: 1" for number in range(LIMITS.header_lines))))
        answer = client.answer()
    assert answer.status == 431
    assert answer.body == "This request has more than 100 header lines.\n"


def test_nonsense_is_answered_with_a_sentence(stack: Stack) -> None:
    """Nonsense gets 400 and a sentence."""
    stack.server()
    for nonsense in ("\x16\x03\x01 nonsense\r\n\r\n", request("GET", "no colon")):
        with RawHttp(stack.port) as client:
            client.send(nonsense)
            answer = client.answer()
        assert answer.status == 400
        assert answer.body == "This is not a request in HTTP/1.1.\n"


def test_root_path_of_a_stranger_is_ignored(stack: Stack) -> None:
    """No client can rewrite the links of a page; only the setting PATH_PREFIX can."""
    stack.server()
    headers = ("Daphne-Root-Path", "X-Forwarded-Prefix", "X-Script-Name", "Script-Name")
    for name, root in product(headers, ("/elsewhere", "\xff")):
        with RawHttp(stack.port) as client:
            client.send(request("GET", f"{name}: {root}", path="/admin/"))
            answer = client.answer()
        assert answer.status == 302
        assert "location: /admin/login/" in answer.headers.lower()


@pytest.mark.parametrize("command", ["serve", "runserver"])
def test_slow_request_is_given_up(hurried: Stack, command: str) -> None:
    """Headers or a body that take too long, however evenly they arrive, get 408."""
    serve(hurried, command)
    headers = "GET / HTTP/1.1\r\nX: "
    announced = request("POST", FORM, "Content-Length: 100000")
    with RawHttp(hurried.port) as client:
        answer = client.drip(chain(headers, repeat("x")))
    assert (answer.status, answer.body) == (
        408,
        "The headers of this request did not arrive within 1 s.\n",
    )
    with RawHttp(hurried.port) as client:
        client.send(announced)
        answer = client.drip(repeat("x"))
    assert (answer.status, answer.body) == (
        408,
        "The body of this request did not arrive within 1 s.\n",
    )


def test_slow_request_after_another_is_given_up(hurried: Stack) -> None:
    """The second request of a connection has the same limits as the first."""
    hurried.server()
    with RawHttp(hurried.port) as client:
        client.send(request("GET", path="/status.json"))
        assert client.answer().status == 200
        assert client.drip(chain("GET / HTTP/1.1\r\nX: ", repeat("x"))).status == 408


def test_idle_connection_is_closed(hurried: Stack) -> None:
    """A connection without a request is closed without an answer, even after earlier requests."""
    hurried.server()
    with RawHttp(hurried.port) as client, RawHttp(hurried.port) as silent:
        client.send(request("GET", path="/status.json"))
        assert client.answer().status == 200
        assert client.answer().status == 0
        assert silent.answer().status == 0


def test_oldest_unfinished_request_gives_way(full: Stack) -> None:
    """If too many requests are unfinished, the one that has waited longest ends."""
    full.server()
    with ExitStack() as stack:
        first, other = (stack.enter_context(RawHttp(full.port)) for _ in range(2))
        first.send("GET / ")
        other.send(request("GET"))
        other.answer()  # by then, the server has read the first bytes
        for _ in range(10):  # twice as many as may wait for more than a second
            stack.enter_context(RawHttp(full.port))
        answer = first.answer()
        assert (answer.status, answer.body) == (
            503,
            "Too many requests are incomplete; this one waited longest. Send it again.\n",
        )
        with RawClient(full.port) as newcomer:
            newcomer.wait_for("welcome")


def test_page_of_a_busy_server_is_refused(full: Stack) -> None:
    """If too many requests are being answered, the next gets 503; feeds and probes continue."""
    full.server()
    with RawClient(full.port) as follower:
        follower.wait_for("welcome")
    for path in PROBES:
        with RawHttp(full.port) as probe:
            probe.send(request("GET", path=f"{path}?by=balancer"))
            assert probe.answer().body.startswith(('{"alive"', '{"ready"', "# HELP "))
    with RawHttp(full.port) as client, RawClient(full.port) as follower:
        client.send(request("GET"))
        answer = client.answer()
        assert (answer.status, answer.body) == (
            503,
            "The server is answering 0 requests, its limit. Send this one again later.\n",
        )
        follower.wait_for("welcome")
