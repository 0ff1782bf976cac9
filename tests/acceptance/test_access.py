"""Access to a server with ``ACCESS=token``: one server for all cases, as in production."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPErrorProcessor, Request, build_opener

import pytest
from django.test import override_settings

from clientapp.api import Refused, connect
from clientapp.wire import PLAIN_SUBPROTOCOL, SUBPROTOCOL
from clientapp.wire.closing import Close, may_return
from feeds.access import tokens
from feeds.access.grant import Grant
from tests.support.stack import Program, Stack
from tests.support.staff import Staff
from tests.support.visit import Visit
from tools.waiting import PATIENCE_SECONDS, until

HOUR = 3600


@dataclass
class Guarded:
    """A server that needs tokens, with a feed of users and one of arrays."""

    stack: Stack
    server: Program
    key: str
    """The secret key with which the server signs tokens."""

    def token(self, **said: Any) -> str:
        """Return a token that is not stored; the values in *said* replace values of its grant."""
        grant = Grant(**{"key": "0123456789ab", "expires": int(time.time()) + HOUR, **said})
        with override_settings(SECRET_KEY=self.key):
            return tokens.sign(grant)

    def issue(self, *options: str) -> tuple[str, str]:
        """Issue a token with the command; return its key and its text."""
        issued, text = self.stack.run("token", "issue", "--label=a test", *options).splitlines()
        return issued.partition("(")[2].partition(")")[0], text

    def visit(self, query: str = "", *, token: str = "", **more: object) -> Visit:
        """Open a connection, with *token* in a header if it is given."""
        headers = list(more.pop("headers", ()))  # type: ignore[call-overload]
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        return Visit(self.stack.port, query, headers=headers, **more)  # type: ignore[arg-type]

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        """Return status, headers and text of a page; redirects are not followed."""
        request = Request(f"http://127.0.0.1:{self.stack.port}{path}", headers=headers)
        with build_opener(Untouched).open(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()


class Untouched(HTTPErrorProcessor):
    """A handler that returns every answer as it is."""

    def http_response(self, request: Request, response: object) -> object:
        """Return *response*."""
        return response


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Start a server that needs tokens, and its generator."""
    stack = Stack(tmp_path_factory.mktemp("guarded"))
    stack.environment |= {
        "ACCESS": "token",
        "DEBUG": "false",
        "ALLOWED_HOSTS": "127.0.0.1,feeds.example.org",
        "WEBSOCKET_ORIGINS": "https://app.example.org",
        "LOG_LEVEL": "debug",
    }
    try:
        server = stack.start("serve", f"--bind=127.0.0.1:{stack.port}")
        server.wait_for("serving at")
        stack.generator("--rate=20")
        key = (stack.folder / "var" / "secret_key").read_text(encoding="ascii")
        yield Guarded(stack, server, key)
        # No case left a token in the log; a sentence names only the mark.
        assert re.search(r"bft_\w", server.said) is None
    finally:
        stack.close()


@dataclass
class Refused4502:
    """A connection that must be refused, and a part of the reason."""

    why: str
    query: str = ""
    token: Callable[[Guarded], str] = lambda one: ""
    origin: str = ""
    host: str = "127.0.0.1"
    more: dict[str, object] = field(default_factory=dict)


REFUSALS = {
    "no token": Refused4502("this server needs a token"),
    "something else in its place": Refused4502(
        "wrong form", token=lambda _: "eyJhbGciOiJIUzI1NiJ9"
    ),
    "another signature": Refused4502(
        "not issued by this server", token=lambda g: g.token()[:-4] + "AAAA"
    ),
    "another content": Refused4502(
        "not issued by this server",
        token=lambda g: "bft_" + "A" + g.token().removeprefix("bft_")[1:],
    ),
    "signed with another key": Refused4502(
        "not issued by this server",
        token=lambda g: Guarded(
            g.stack, g.server, "another key of 32 characters, at least"
        ).token(),
    ),
    "no signature": Refused4502("wrong form", token=lambda g: g.token().partition(".")[0]),
    "too long": Refused4502("wrong form", token=lambda g: g.token() + "A" * 3000),
    "expired": Refused4502("has expired", token=lambda g: g.token(expires=int(time.time()) - 1)),
    "for another client": Refused4502(
        "for client 'alice', not 'bob'", "client=bob", token=lambda g: g.token(client="alice")
    ),
    "for another feed": Refused4502(
        "not for feed 'users'; it is for arrays", token=lambda g: g.token(feeds=("arrays",))
    ),
    "for one of two feeds": Refused4502(
        "not for feed 'arrays'", "feed=users&feed=arrays", token=lambda g: g.token(feeds=("users",))
    ),
    "two tokens": Refused4502(
        "2 different tokens", "token=bft_other.token", token=lambda g: g.token()
    ),
    "a page of another site": Refused4502(
        "https://evil.example.org", token=lambda g: g.token(), origin="https://evil.example.org"
    ),
    "a page in a file": Refused4502("'null'", token=lambda g: g.token(), origin="null"),
    "a page at another host": Refused4502(
        "Host 'evil.example.org'",
        token=lambda g: g.token(),
        origin="https://evil.example.org",
        host="evil.example.org",
    ),
}


@pytest.mark.parametrize("form", [SUBPROTOCOL, ""], ids=["protocol", "plain"])
@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
def test_refused_client_gets_a_reason_and_nothing_else(
    guarded: Guarded, case: Refused4502, form: str
) -> None:
    """A client without a valid token gets code 4502, which forbids reconnecting, and no record."""
    headers = [("Origin", case.origin)] if case.origin else []
    offers = [form] if form else []
    with guarded.visit(
        case.query, token=case.token(guarded), headers=headers, host=case.host, subprotocols=offers
    ) as visit:
        code, reason = visit.end()
        assert (code, case.why in reason) == (Close.DENIED, True), reason
        assert not may_return(code)
        kinds = [text["type"] for text in visit.texts]
        assert kinds == (["error", "bye"] if form else [])
        assert [text.get("code") for text in visit.texts] == (["denied", 4502] if form else [])


@pytest.mark.parametrize(
    ("where", "offers", "selected"),
    [
        ("header", [], None),
        ("header", [SUBPROTOCOL], SUBPROTOCOL),
        ("url", [], None),
        ("url", [SUBPROTOCOL], SUBPROTOCOL),
        ("subprotocol", [SUBPROTOCOL], SUBPROTOCOL),
        ("subprotocol", [PLAIN_SUBPROTOCOL], PLAIN_SUBPROTOCOL),
    ],
)
def test_token_is_taken_wherever_it_is_sent(
    guarded: Guarded, where: str, offers: list[str], selected: str | None
) -> None:
    """A header, the URL and a subprotocol may carry the token, which is never echoed."""
    token = guarded.token(client="alice", feeds=("users",))
    query = urlencode({"token": token}) if where == "url" else ""
    subprotocols = [*offers, token] if where == "subprotocol" else offers
    sent = token if where == "header" else ""
    with guarded.visit(query, token=sent, subprotocols=subprotocols) as visit:
        assert visit.status.startswith("HTTP/1.1 101")
        assert visit.subprotocol == selected
        assert token not in str(visit.headers)
        assert visit.first()["type"] == ("welcome" if selected == SUBPROTOCOL else "message")


@pytest.mark.parametrize("origin", ["https://app.example.org", "http://127.0.0.1", ""])
def test_allowed_origins_and_programs_are_let_in(guarded: Guarded, origin: str) -> None:
    """A listed page, the server's own page, and a client without an Origin may connect."""
    headers = [("Origin", origin)] if origin else []
    with guarded.visit(token=guarded.token(), headers=headers) as visit:
        assert visit.first()["type"] == "message"


def test_client_gets_the_name_in_its_token(guarded: Guarded) -> None:
    """A client that gives no name is stored under the name in its token."""
    with guarded.visit(token=guarded.token(client="named by its token")) as visit:
        visit.first()
        guarded.server.wait_for("named by its token connected")


def test_plain_client_may_not_name_a_session(guarded: Guarded) -> None:
    """A session is refused with the plain subprotocol; the reason names the right one."""
    query = "session=abcdefghijklmnop"
    offers = [PLAIN_SUBPROTOCOL]
    with guarded.visit(query, token=guarded.token(), subprotocols=offers) as visit:
        code, reason = visit.end()
        assert (code, "needs the subprotocol blockfeed.v1" in reason) == (Close.BAD_REQUEST, True)


def test_connections_of_a_token_are_limited(guarded: Guarded) -> None:
    """With a token for two connections, a third one must wait until one of the two ends."""
    token = guarded.token(key="two at once", connections=2)
    with guarded.visit(token=token) as first, guarded.visit(token=token) as second:
        first.first()
        second.first()
        with guarded.visit(token=token) as third:
            code, reason = third.end()
            assert (code, third.texts) == (Close.TOO_MANY, [])
            assert may_return(code)
            assert "allows 2 connections" in reason
        first.close()
        until(lambda: is_admitted(guarded, token), lambda: "the place was not freed")


def is_admitted(guarded: Guarded, token: str) -> bool:
    """Tell whether one more client with *token* receives a message."""
    with guarded.visit(token=token, subprotocols=[SUBPROTOCOL]) as visit:
        return bool(visit.first()["type"] == "welcome")


LOSSES = {
    "revoked": ("the token was revoked", ("token", "revoke", "{key}")),
    "banned by name": ("client 'mallory' is banned", ("ban", "add", "--client=mallory")),
}


@pytest.mark.parametrize("case", LOSSES)
@pytest.mark.parametrize("form", [SUBPROTOCOL, ""], ids=["protocol", "plain"])
def test_connected_client_that_loses_its_right_is_disconnected(
    guarded: Guarded, case: str, form: str
) -> None:
    """Revocation and a ban close the connection with the reason; the client is then refused."""
    why, command = LOSSES[case]
    key, token = guarded.issue("--client=mallory", "--days=1")
    offers = [form] if form else []
    with guarded.visit(token=token, subprotocols=offers) as visit:
        visit.first()
        said = guarded.stack.run(*(word.format(key=key) for word in command))
        code, reason = visit.end()
    assert (code, why in reason) == (Close.DENIED, True), reason
    with guarded.visit(token=token) as visit:
        assert visit.end()[0] == Close.DENIED
    if command[0] == "ban":
        number = said.strip().removesuffix(")").split()[-1]
        guarded.stack.run("ban", "remove", number)
        until(lambda: is_admitted(guarded, token), lambda: "the ban was not removed")


def test_connected_client_is_disconnected_when_its_token_expires(guarded: Guarded) -> None:
    """A token expires at its time, even for a client that is connected."""
    with guarded.visit(token=guarded.token(expires=int(time.time()) + 2)) as visit:
        assert visit.first()["type"] == "message"
        code, reason = visit.end()
        assert (code, "has expired" in reason) == (Close.DENIED, True)


def test_token_without_options_is_for_everything(guarded: Guarded) -> None:
    """Only the label is required; the token is valid for any client and every feed."""
    key, token = guarded.issue()
    with guarded.visit("client=bob&feed=arrays&feed=users", token=token) as visit:
        assert visit.first()["type"] == "message"
    (line,) = [one for one in guarded.stack.run("token", "list").splitlines() if key in one]
    for fact in ("valid", "any client", "all feeds", "no expiry"):
        assert fact in line


def test_list_shows_tokens_without_their_texts(guarded: Guarded) -> None:
    """The list has key, state and limits of each token; its text was shown once."""
    options = ("--client=alice", "--feed=users", "--connections=3", "--days=1")
    key, token = guarded.issue(*options)
    guarded.stack.run("token", "revoke", key)
    shown = guarded.stack.run("token", "list")
    line = next(line for line in shown.splitlines() if line.startswith(key))
    for fact in ("revoked", "a test", "client alice", "feeds users", "connections 3", "expires 2"):
        assert fact in line
    assert token not in shown


@pytest.mark.parametrize("way", ["option", "environment"])
def test_client_script_keeps_its_token_to_itself(guarded: Guarded, way: str) -> None:
    """The script receives verified blocks; its output and its log do not have the token."""
    stack, token, name = guarded.stack, guarded.token(), f"script-{way}"
    options = ["--block-size=2", "--blocks=2", "--json"]
    with stack.variables({"BLOCKFEED_TOKEN": token} if way == "environment" else {}):
        if way == "option":
            options.append(f"--token={token}")
        client = stack.client(name, *options)
    assert client.process.wait(PATIENCE_SECONDS) == 0, client.said
    said = client.said + stack.log(name).read_text(encoding="utf-8")
    assert said.count('"verified"') >= 2
    assert token not in said
    assert "bft_" not in said


def test_new_token_continues_the_session(guarded: Guarded) -> None:
    """The token is not part of a session, so a client resumes it with another token."""
    stack = guarded.stack
    for blocks in (1, 2):
        token = guarded.token(key=f"token number {blocks}")
        client = stack.client("renewed", "--block-size=2", "--blocks=1", f"--token={token}")
        assert client.process.wait(PATIENCE_SECONDS) == 0, client.said
        assert "a new one begins" not in client.said
    assert stack.rows("SELECT count(*) FROM feeds_clientsession WHERE client = 'renewed'") == [(1,)]


@pytest.mark.parametrize(
    ("token", "code", "words"),
    [
        ("", 3, "this server needs a token"),
        ("bft_eyJrIjoiYSJ9.AAAA", 3, "the token was not issued by this server"),
        ("s3cret", 2, "the value is not allowed: a token begins with bft_"),
    ],
)
def test_client_script_ends_without_a_valid_token(
    guarded: Guarded, token: str, code: int, words: str
) -> None:
    """A refused client does not try again, and says why, without the token."""
    options = [f"--token={token}"] if token else []
    client = guarded.stack.client("refused", *options)
    assert client.process.wait(PATIENCE_SECONDS) == code
    assert words in client.said
    assert not token or token not in client.said


async def test_python_api_takes_a_token(guarded: Guarded) -> None:
    """A program receives messages with a token, and an error without one."""
    url = guarded.stack.url
    async with connect(url, token=guarded.token(), name="erin") as subscription:
        assert (await anext(subscription)).feed == "users"
    with pytest.raises(Refused, match="this server needs a token"):
        async with connect(url, name="erin"):
            pass


def test_swarm_takes_a_token(guarded: Guarded) -> None:
    """All members of a swarm connect with the same token."""
    options = ("--clients=3", "--seconds=1", f"--url={guarded.stack.url}", "--expect=connected==1")
    command = (sys.executable, "-m", "clientapp", "swarm", *options, "--quiet")
    with guarded.stack.variables({"BLOCKFEED_TOKEN": guarded.token()}):
        swarm = guarded.stack.program("swarm", *command)
    assert swarm.process.wait(PATIENCE_SECONDS) == 0, swarm.said


def test_token_in_a_url_is_not_logged(guarded: Guarded) -> None:
    """The log of requests leaves the token out; the end of the module checks the whole log."""
    guarded.get(f"/feeds/users/records?last=3&token={guarded.token()}")
    guarded.server.wait_for("HTTP GET /feeds/users/records 200")


RECORDS = ["/feeds/", "/feeds/users/records?last=1", "/feeds/users/schema.json", "/asyncapi.json"]


@pytest.mark.parametrize("path", RECORDS)
def test_records_need_a_token(guarded: Guarded, path: str) -> None:
    """Facts about feeds need a token, in a header or in the URL."""
    status, headers, text = guarded.get(path)
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    assert list(json.loads(text)) == ["error"]
    token = guarded.token()
    assert guarded.get(path, Authorization=f"Bearer {token}")[0] == 200
    assert guarded.get(f"{path}{'&' if '?' in path else '?'}token={token}")[0] == 200
    assert guarded.get(path, Authorization=f"Bearer {token[:-4]}AAAA")[0] == 401


def test_records_are_limited_to_the_feeds_of_the_token(guarded: Guarded) -> None:
    """A token for one feed shows nothing about the other."""
    bearer = f"Bearer {guarded.token(feeds=('users',))}"
    for path in ("/feeds/arrays/records", "/feeds/arrays/schema.json"):
        assert guarded.get(path, Authorization=bearer)[0] == 403
    for path in ("/feeds/", "/asyncapi.json"):
        text = guarded.get(path, Authorization=bearer)[2]
        assert "users" in text
        assert '"arrays"' not in text
        assert "feed-arrays" not in text


@pytest.mark.parametrize("path", ["/", "/status.json", "/message?feed=users&offset=1", "/client"])
def test_pages_are_for_people_who_are_signed_in(guarded: Guarded, path: str) -> None:
    """Pages send a visitor without a login to it, or answer with an error, even with a token."""
    for headers in ({}, {"Authorization": f"Bearer {guarded.token()}"}):
        status, answered, text = guarded.get(path, **headers)
        assert "users" not in text
        if path == "/":
            assert (status, answered["Location"]) == (302, "/admin/login/?next=/")
        else:
            assert (status, json.loads(text)) == (403, {"error": "sign in to the admin"})


def test_probes_need_nothing(guarded: Guarded) -> None:
    """A balancer sees whether the server is alive and ready."""
    assert [guarded.get(path)[0] for path in ("/healthz", "/readyz")] == [200, 200]


def test_page_of_a_signed_in_person_has_a_client_of_its_own(guarded: Guarded) -> None:
    """The page shows the feeds, and has a token for its own client."""
    page = Staff(guarded.stack).get("")
    found = re.search(r'data-token="(bft_[^"]+)"', page)
    assert found is not None
    offers = [SUBPROTOCOL, found[1]]
    with guarded.visit(subprotocols=offers, headers=[("Origin", "http://127.0.0.1")]) as visit:
        assert visit.first()["type"] == "welcome"


@pytest.mark.parametrize("command", ["runserver", "serve"])
def test_client_needs_no_settings(stack: Stack, command: str) -> None:
    """Without any setting, the script connects to either server, without a token."""
    if command == "runserver":
        stack.server()
    else:
        stack.start("serve", f"--bind=127.0.0.1:{stack.port}").wait_for("serving at")
    stack.generator("--rate=20")
    client = stack.client("alice", "--block-size=2", "--blocks=1")
    assert client.process.wait(PATIENCE_SECONDS) == 0, client.said
    assert "Block 1 verified" in client.said
