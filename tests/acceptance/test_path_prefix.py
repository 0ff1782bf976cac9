"""A server below a path prefix, as behind a proxy that serves other things beside it."""

from __future__ import annotations

import json
import re
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from clientapp.wire.closing import Close
from tests.support.judge import judge
from tests.support.stack import PATIENCE_SECONDS, Program, Stack
from tests.support.staff import Staff

PREFIX = "/live/feeds"
LINK = re.compile(r"""(?:href|src|action|data-url|data-link)="(/[^"]*)""")


@pytest.fixture
def stack(stack: Stack) -> Stack:
    """Give a test an installation below the prefix."""
    stack.environment |= {"DEBUG": "false", "PATH_PREFIX": f"{PREFIX}/"}
    stack.url = f"ws://127.0.0.1:{stack.port}{PREFIX}/"
    return stack


def serve(stack: Stack, command: str) -> Program:
    """Start one of the two commands that serve."""
    if command == "runserver":
        server = stack.server()
    else:
        server = stack.start("serve", f"--bind=127.0.0.1:{stack.port}")
    server.wait_for(f"serving at http://127.0.0.1:{stack.port}{PREFIX}/")
    return server


@pytest.mark.parametrize("command", ["serve", "runserver"])
def test_everything_is_below_the_prefix(stack: Stack, command: str) -> None:
    """Pages, the admin, files, records and addresses for clients have the prefix."""
    server = serve(stack, command)
    stack.generator("--feed=users", "--rate=100")
    client = stack.client("alice", "--feed=users", "--block-size=20", "--blocks=2", "--verified")
    assert client.process.wait(PATIENCE_SECONDS) == 0, client.said
    judge(stack.log("alice"))
    root = PREFIX.removeprefix("/")
    page = stack.get(f"{root}/")
    staff = Staff(stack, root=f"{root}/")
    admin = staff.get(f"{root}/admin/") + staff.get(f"{root}/admin/feeds/clientsession/")
    assert "alice" in admin
    links = {link for text in (page, admin) for link in LINK.findall(text)}
    assert {link for link in links if not link.startswith(f"{PREFIX}/")} == set()
    assert {f"{PREFIX}/admin/", f"{PREFIX}/status.json"} <= links
    assert {cookie.path for cookie in staff.cookies} == {f"{PREFIX}/"}
    assert f'id="address">{stack.url}<' in page
    assert f"--url {stack.url} " in page
    assert "ws://127.0.0.1:8000/" not in page
    assert "import" in stack.get(f"{root}/static/feeds/page.js")
    assert json.loads(stack.get(f"{root}/status.json"))["connected"]
    assert stack.get(f"{root}/feeds/users/records?first=1&last=2").count("\n") == 2
    described = json.loads(stack.get(f"{root}/asyncapi.json"))
    assert described["servers"]["this"] == {
        "host": f"127.0.0.1:{stack.port}",
        "protocol": "ws",
        "pathname": PREFIX,
    }
    assert json.loads(stack.get("healthz")) == {"alive": True}
    assert server.stop() == 0
    for words in ("Traceback", "/static/feeds/page.js 200", "/status.json 200"):
        assert words not in server.said


def test_nothing_is_outside_the_prefix(stack: Stack) -> None:
    """Other paths get 404 and name the setting; a client is refused and told the right path."""
    serve(stack, "serve")
    home = f"http://127.0.0.1:{stack.port}"
    for path in ("/", "/admin/", "/status.json", f"{PREFIX}x", "/live/"):
        with pytest.raises(HTTPError, match="404") as answer:
            urlopen(f"{home}{path}", timeout=PATIENCE_SECONDS)
        with answer.value as error:
            assert f"This server is at {PREFIX}/ (PATH_PREFIX)." in error.read().decode()
    with urlopen(f"{home}{PREFIX}", timeout=PATIENCE_SECONDS) as page:
        assert page.url == f"{home}{PREFIX}/"
    stack.url = f"ws://127.0.0.1:{stack.port}/"
    client = stack.client("alice")
    assert client.process.wait(PATIENCE_SECONDS) != 0
    said = f"there is nothing at '/'; feeds are at {PREFIX}/ ({Close.BAD_REQUEST.value})"
    assert said in client.said
