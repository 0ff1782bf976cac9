"""The start of a session, its timeout, and several clients of one command."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from clientapp.wire.closing import Close
from clientapp.wire.from_server import Farewell
from tests.integration.test_client_without_server import nowhere
from tests.support.client_process import Lifted
from tests.support.feed_server import FeedServer
from tests.support.log_oracle import read_log

__all__ = ["nowhere"]


def beginnings(server: FeedServer) -> list[list[str]]:
    """Return the ``from`` parameters of the open connections."""
    requests = [socket.request for socket in server._sockets]
    return [parse_qs(urlsplit(one.path).query).get("from", []) for one in requests if one]


async def test_new_session_starts_at_the_given_offset(server: FeedServer, lifted: Lifted) -> None:
    """The URL contains the offset until a position is known from this run or from the log."""
    for option, asked in (("start", "1"), ("17", "17")):
        options = ("--name", f"client{asked}", "--block-size", "1", "--json")
        client = await lifted.run("--url", server.url, "--from", option, *options)
        await client.event("connected")
        assert beginnings(server) == [[asked]]
        await server.publish("users", 1)
        await client.event("ack")
        server.drop()
        await client.event("connected")
        assert beginnings(server) == [[]]
        client.interrupt()
        assert (await client.end())[0] == 0
        server.stored.clear()  # it knows one session at a time
    client = await lifted.run("--url", server.url, "--from", "start", *options)
    await client.event("connected")
    assert beginnings(server) == [[]]


async def test_timeout_includes_the_wait_for_a_server(nowhere: str, lifted: Lifted) -> None:
    """The client waits no longer than the timeout for a missing server."""
    client = await lifted.run("--url", nowhere, "--timeout", "0.5", "--quiet")
    sentence = f"no new message arrived for 0.5 s: no server at {nowhere}\n"
    assert await client.end() == (4, "", sentence)


async def test_timeout_after_the_last_message(server: FeedServer, lifted: Lifted) -> None:
    """Earlier messages are kept and reported; the summary comes first."""
    options = ("--name=alice", "--block-size=2", "--blocks=5", "--timeout=2", "--json")
    client = await lifted.run("--url", server.url, *options)
    await client.event("connected")
    await server.publish("users", 3)
    code, output, errors = await client.end()
    assert (code, errors) == (4, "no new message arrived for 2 s\n")
    summary = json.loads(output.splitlines()[-1])
    assert (summary["event"], summary["blocks"], summary["unfinished"]) == ("summary", 1, 1)
    assert len(server.stored) == 1


async def test_timeout_ends_with_the_last_block(server: FeedServer, lifted: Lifted) -> None:
    """A client that has all its blocks waits for their acknowledgements as usual."""
    server.acknowledges = False
    options = ("--name=alice", "--block-size=1", "--blocks=1", "--timeout=0.5", "--json")
    client = await lifted.run("--url", server.url, *options)
    await client.event("connected")
    await server.publish("users", 1)
    await server.until(lambda: len(server.reports) == 1)
    await asyncio.sleep(1)  # longer than the timeout
    server.acknowledges = True
    server.drop()
    code, _, errors = await client.end()
    assert (code, len(server.stored)) == (0, 1), errors


async def test_one_command_runs_eight_clients(server: FeedServer, lifted: Lifted) -> None:
    """Each client has its name, log and reports, and its lines start with its name."""
    names = [f"alice-{number}" for number in range(1, 9)]
    options = ("--name=alice", "--clients=8", "--block-size=2", "--blocks=1")
    client = await lifted.run("--url", server.url, *options)
    await server.until(lambda: server.connected == 8)
    assert sorted(request.client for request in server.requests) == names
    assert len({request.session for request in server.requests}) == 8
    await server.publish("users", 2)
    code, output, errors = await client.end()
    assert (code, errors) == (0, "")
    assert sorted(report.text.split()[1] for report in server.reports) == names
    lines = output.splitlines()
    for name in names:
        said = [line for line in lines if line.startswith(f"{name} | ")]
        assert said[-1] == f"{name} | log logs/{name}.log"
        (session,) = read_log(lifted.home / "logs" / f"{name}.log")
        assert session.asked["client"] == name
    assert len(lines) == sum(line.split(" | ")[0] in names for line in lines)


async def test_json_of_several_clients_names_them(server: FeedServer, lifted: Lifted) -> None:
    """Each object names its client; one Ctrl-C ends all of them cleanly."""
    client = await lifted.run("--url", server.url, "--name=bob", "--clients=2", "--json")
    await server.until(lambda: server.connected == 2)
    client.interrupt()
    code, output, _ = await client.end()
    found = [json.loads(line) for line in output.splitlines()]
    ends = sorted(event["client"] for event in found if event["event"] == "summary")
    assert (code, ends) == (0, ["bob-1", "bob-2"])


async def test_each_client_gives_its_reason(server: FeedServer, lifted: Lifted) -> None:
    """The sentence starts with the client's name; the exit code is the highest one."""
    reason = Farewell(code=Close.BAD_REQUEST, reason="there is no such feed", retry_after=0.0)
    server.refusal = reason
    client = await lifted.run("--url", server.url, "--name=bob", "--clients=2", "--quiet")
    code, _, errors = await client.end()
    assert code == 3
    assert sorted(errors.splitlines()) == [
        f"bob-{number}: the server refuses this client: there is no such feed (4501)"
        for number in (1, 2)
    ]


async def test_one_log_cannot_serve_several_clients(lifted: Lifted) -> None:
    """A log belongs to one client, so it cannot be given for two."""
    client = await lifted.run("--clients=2", "--log=some.log")
    code, _, errors = await client.end()
    assert code == 2
    assert errors.endswith("argument --log: not allowed with argument --clients\n")


@pytest.mark.parametrize("fault", ["none", "broken", "missing"])
async def test_verified_is_the_exit_code(server: FeedServer, lifted: Lifted, fault: str) -> None:
    """With --verified, an unverified block or a missing message leads to exit code 5."""
    options = ("--url", server.url, "--name", "alice", "--block-size", "2", "--blocks", "1")
    client = await lifted.run(*options, "--json", "--verified")
    await client.event("connected")
    await server.publish("users", 1)
    if fault == "broken":
        server.lines["users"][0] += b" "
    await server.publish("users", 2 if fault == "missing" else 1, lost=int(fault == "missing"))
    code, _, errors = await client.end()
    said = {"none": "", "broken": "1 block broken", "missing": "1 missing message"}[fault]
    assert (code, said in errors) == (0 if fault == "none" else 5, True), errors
    assert ("not every block is verified: " in errors) is (fault != "none")


async def test_verified_without_a_block_is_a_failure(server: FeedServer, lifted: Lifted) -> None:
    """Without a block nothing was verified."""
    client = await lifted.run("--url", server.url, "--name", "alice", "--json", "--verified")
    await client.event("connected")
    client.interrupt()
    code, _, errors = await client.end()
    assert (code, "not every block is verified: no block" in errors) == (5, True)
