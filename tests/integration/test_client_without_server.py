"""The client without a server, or with a server that serves no feed."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.client_process import Lifted
from tests.support.tls_proxy import self_signed


@pytest.fixture
def nowhere() -> Iterator[str]:
    """Reserve a port without a listener; yield its URL."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"ws://127.0.0.1:{held.getsockname()[1]}/"


async def test_interrupt_ends_a_waiting_client(nowhere: str, lifted: Lifted) -> None:
    """Ctrl-C ends a client that waits for a server, with exit code 0."""
    client = await lifted.run("--url", nowhere, "--name", "alice")
    line = await client.line()
    assert line.startswith(f"no server at {nowhere} yet (connection refused); trying again in ")
    client.interrupt()
    code, output, errors = await client.end()
    assert (code, errors) == (0, "")
    assert output.splitlines()[-1] == "log logs/alice.log"


@asynccontextmanager
async def answering(answer: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Run a server that serves no feed and sends *answer* to every client; yield its URL."""

    async def say(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    scheme = "ws" if tls is None else "wss"
    async with await asyncio.start_server(say, "127.0.0.1", ssl=tls) as server:
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
            "it answers with HTTP status 503",
        ),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "did not receive a valid HTTP response"),
        (b"", "it closed the connection during the handshake"),
    ],
)
async def test_server_that_serves_no_feed_is_retried(
    lifted: Lifted, answer: bytes, reason: str
) -> None:
    """A server that answers, but not as a feed, is tried again."""
    async with answering(answer) as url:
        client = await lifted.run("--url", url, "--json")
        assert (await client.event("waiting"))["reason"] == reason


@pytest.mark.parametrize(
    "target",
    [
        "ws://127.0.0.1:99999/",
        "ws://a..b/",
        f"ws://{'x' * 64}.example/",
        "ws://[::1/",
        "http://127.0.0.1/",
        "ws://user:%ff@127.0.0.1/",
        "//user@[/",
    ],
)
async def test_redirect_to_a_bad_address_is_retried(lifted: Lifted, target: str) -> None:
    """A redirect to an unusable address is retried, like any fault of a server."""
    answer = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
    async with answering(answer.encode()) as url:
        client = await lifted.run("--url", url, "--json")
        reason = (await client.event("waiting"))["reason"]
        assert reason.startswith("it redirects to an address that cannot be used (")
        assert (await client.event("waiting"))["attempt"] == 2


async def test_untrusted_certificate_ends_the_client(lifted: Lifted, tmp_path: Path) -> None:
    """A certificate of an unknown authority ends the client; the sentence gives the remedy."""
    async with answering(b"", tls=self_signed(tmp_path)) as url:
        client = await lifted.run("--url", url)
        code, _, errors = await client.end()
    assert code == 3
    assert errors == (
        f"{url} refuses this client: its certificate is not accepted: self-signed certificate; "
        "if you trust it, set SSL_CERT_FILE to the file of its authority's certificate\n"
    )


async def test_server_without_tls_is_retried(lifted: Lifted) -> None:
    """A server without TLS is retried, with a hint about the URL."""
    async with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        client = await lifted.run("--url", url.replace("ws:", "wss:"), "--json")
        reason = (await client.event("waiting"))["reason"]
    assert reason.endswith("; if the server has no TLS, use ws://")


INSTALL = "pip install 'python-socks[asyncio]'"
FAR = "ws://feeds.example.org:8000/"
RULE = "correct the proxy in the environment (such as http_proxy), or add the host to no_proxy"


@pytest.mark.parametrize(
    ("proxy", "sentence"),
    [
        (
            "socks5h://ada:s3cret@127.0.0.1:1080",
            f"needs a package; run: {INSTALL}, or add the host to no_proxy",
        ),
        (
            "http://ada:s3cret@127.0.0.1:99999",
            f"cannot be used: Port out of range 0-65535; {RULE}",
        ),
        (
            "ftp://ada:s3cret@127.0.0.1:1",
            f"cannot be used: scheme ftp isn't supported; {RULE}",
        ),
    ],
)
async def test_unusable_proxy_ends_the_client(lifted: Lifted, proxy: str, sentence: str) -> None:
    """Retrying does not help, so the client ends with the remedy and hides the password."""
    client = await lifted.run("--url", FAR, http_proxy=proxy)
    code, output, errors = await client.end()
    assert (code, errors) == (1, f"the proxy for {FAR} {sentence}\n")
    assert "s3cret" not in output


async def test_wrong_path_ends_the_client(lifted: Lifted) -> None:
    """A web server without a feed at this path refuses the client."""
    async with answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as url:
        client = await lifted.run("--url", url)
        code, _, errors = await client.end()
    assert (code, errors) == (3, f"{url} refuses this client: it answers with HTTP status 404\n")


async def test_no_wait_ends_without_a_server(nowhere: str, lifted: Lifted) -> None:
    """With --no-wait a missing server ends the client with exit code 1."""
    client = await lifted.run("--url", nowhere, "--no-wait")
    code, output, errors = await client.end()
    assert (code, output) == (1, "")
    assert errors == f"no server at {nowhere} (connection refused)\n"
