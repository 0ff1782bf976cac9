"""A server behind a proxy that terminates TLS, and the headers it trusts."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from websockets.sync.client import connect

from clientapp.wire import SUBPROTOCOL
from tests.support.browser import Browser
from tests.support.signing_in import sign_in
from tests.support.stack import PATIENCE_SECONDS, Program, Stack, until
from tests.support.tls_proxy import CLIENT, TlsProxy

ADDRESS = "document.querySelector('#address').textContent"
VERIFIED = "document.querySelectorAll('#client tr[data-state=verified]').length"
SAID = {"X-Forwarded-Proto": "https", "X-Forwarded-For": f"198.51.100.1, {CLIENT}"}
PEERS = "SELECT peer FROM feeds_connection"


def serve(stack: Stack) -> Program:
    """Start ``serve`` at the port of *stack*, and wait until it listens."""
    program = stack.start("serve", f"--bind=127.0.0.1:{stack.port}")
    program.wait_for("serving at")
    return program


def get(stack: Stack, path: str) -> tuple[str, str]:
    """Return a page and its cookies, requested like a proxy that terminates TLS."""
    request = Request(f"http://127.0.0.1:{stack.port}/{path}", headers=SAID)
    with urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        return answer.read().decode(), str(answer.headers["Set-Cookie"])


@pytest.mark.parametrize("command", ["serve", "runserver"])
@pytest.mark.parametrize("believed", [True, False])
def test_proxy_headers_are_trusted_if_configured(
    stack: Stack, command: str, *, believed: bool
) -> None:
    """With the setting, the headers of the nearest proxy are trusted; without it, none are."""
    if believed:
        stack.environment["BEHIND_TLS_PROXY"] = "true"
    server = serve(stack) if command == "serve" else stack.server()
    page, _ = get(stack, "")
    assert (f'id="address">wss://127.0.0.1:{stack.port}/<' in page) is believed
    assert (f'id="address">ws://127.0.0.1:{stack.port}/<' in page) is not believed
    _, cookies = get(stack, "admin/login/")
    assert "csrftoken" in cookies
    assert ("Secure" in cookies) is believed
    asked: dict[str, Any] = {"additional_headers": SAID, "subprotocols": [SUBPROTOCOL]}
    with connect(f"{stack.url}?client=alice", **asked) as socket:
        socket.recv(PATIENCE_SECONDS)
        until(lambda: len(stack.rows(PEERS)) == 1, lambda: server.said)
    with connect(f"{stack.url}?client=-", **asked) as socket:
        socket.recv(PATIENCE_SECONDS)
    ((peer,),) = stack.rows(PEERS)
    server.wait_for(" refused: ")
    assert server.stop() == 0
    if believed:
        assert peer == CLIENT
        for words in (f", {CLIENT}]", f"alice connected from {CLIENT}: ", f"  {CLIENT} refused"):
            assert words in server.said
    else:
        assert peer.startswith("127.0.0.1:")
        assert CLIENT not in server.said
    assert "198.51.100.1" not in server.said


# asyncio warns about a connection that the browser opens and leaves during a handshake; the socket
# belongs to the test proxy, not to the server.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("configured", [True, False])
def test_page_over_tls_connects_over_tls(
    stack: Stack, page: Browser, tmp_path: Path, *, configured: bool
) -> None:
    """
    The page's client connects over TLS with and without ``BEHIND_TLS_PROXY``.

    Only with the setting, the address shown is right and signing in works.
    """
    stack.environment |= {"DEBUG": "false", "BEHIND_TLS_PROXY": str(configured)}
    serve(stack)
    stack.generator("--rate=20")
    page.call("Security.setIgnoreCertificateErrors", ignore=True)
    with TlsProxy(stack.port, tmp_path) as proxy:
        page.open(proxy.home)
        scheme = "wss" if configured else "ws"
        assert page.evaluate(ADDRESS) == f"{scheme}://127.0.0.1:{proxy.port}/"
        page.wait_for("!document.querySelector('#client form').hidden")
        page.evaluate("document.querySelector('#client [type=submit]').click()")
        page.wait_for(f"{VERIFIED} >= 1")
        if configured:
            assert stack.rows(PEERS) == [(CLIENT,)]
            # Signing in sends a form, which Django compares with the Host and the scheme.
            page.open(f"{sign_in(stack, page, proxy.home)}feeds/blockreport/")
            page.wait_for("document.querySelector('#result_list')?.innerText.includes('browser')")
            cookies = page.call("Network.getCookies")["cookies"]
            secure = [cookie["name"] for cookie in cookies if cookie["secure"]]
            assert {name.partition("_")[0] for name in secure} == {
                "csrftoken",
                "sessionid",
            }
