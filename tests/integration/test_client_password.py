"""A client with a password in its URL."""

from __future__ import annotations

import base64

from tests.support.client_process import Lifted
from tests.support.feed_server import FeedServer


async def test_password_in_the_url_stays_secret(server: FeedServer, lifted: Lifted) -> None:
    """Only the server gets the password; a client with a changed one continues its session."""
    said = ""
    for number, password in enumerate(("s3cret", "chang3d"), 1):
        url = server.url.replace("//", f"//ada:{password}@")
        options = ("--name=alice", "--block-size=2", "--blocks=1", "--json")
        client = await lifted.run("--url", url, *options)
        await client.event("connected")
        assert len(server.requests) == number
        requests = [socket.request for socket in server._sockets]
        sent = {request.headers["Authorization"] for request in requests if request}
        assert sent == {f"Basic {base64.b64encode(f'ada:{password}'.encode()).decode()}"}
        await server.publish("users", 2)
        code, output, errors = await client.end()
        assert code == 0, errors
        said += output + errors
    said += (lifted.home / "logs" / "alice.log").read_text()
    assert f'"url":"{server.url}"' in said
    assert "s3cret" not in said
    assert "chang3d" not in said
    assert server.requests[0].session == server.requests[1].session
