"""The end of a server: every client is notified, everything is stored, nothing is lost."""

from __future__ import annotations

import asyncio
import signal

from clientapp.wire.closing import Close
from feeds.core.limits import LIMITS
from tests.support.balancer import Balancer
from tests.support.crowd import Crowd, until
from tests.support.eight import Eight
from tests.support.raw_client import SMALL_BUFFER, RawClient, text_frame
from tests.support.stack import Stack, free_port
from tools.waiting import PATIENCE_SECONDS

CLIENTS = 200


def test_every_client_is_told_to_return(stack: Stack) -> None:
    """Each client is asked to return at a different time, and each end is stored."""
    server = stack.server()
    stack.generator("--feed=arrays", "--rate=50")

    async def run() -> Crowd:
        crowd = Crowd(stack.port, CLIENTS)
        await crowd.start()
        server.process.send_signal(signal.SIGTERM)
        await until(lambda: all(one.closes[0] for one in crowd.followers))
        await crowd.stop()
        return crowd

    crowd = asyncio.run(run())
    assert server.process.wait(PATIENCE_SECONDS) == 0
    assert "Traceback" not in server.said
    assert {one.closes[0] for one in crowd.followers} == {Close.DRAIN}
    assert {one.byes[0][0] for one in crowd.followers} == {Close.DRAIN}
    waits = {one.byes[0][1] for one in crowd.followers}
    assert len(waits) > CLIENTS / 4
    assert min(waits) >= 0.5
    assert 0.7 < max(waits) <= 0.5 + CLIENTS / LIMITS.returns_per_second + 0.1
    rows = stack.rows("SELECT close_code, count(*) FROM feeds_connection GROUP BY 1")
    assert rows == [(Close.DRAIN, CLIENTS)]


def test_sentence_on_its_way_is_stored(stack: Stack) -> None:
    """A plain client that has not yet read the close frame loses no sentence."""
    server = stack.server()
    stack.generator("--feed=arrays", "--rate=50")
    with RawClient(stack.port, "client=late&feed=arrays", is_plain=True) as late:
        late.offsets(5)
        server.process.send_signal(signal.SIGTERM)
        for _ in late.said():  # up to the close frame, which it does not answer yet
            pass
        late.socket.sendall(text_frame("Client late received 1 block in 0.5 time"))
        late.socket.sendall(text_frame("", opcode=8))
        assert server.process.wait(PATIENCE_SECONDS) == 0
    assert stack.rows("SELECT text FROM feeds_blockreport") == [
        ("Client late received 1 block in 0.5 time",)
    ]
    assert stack.rows("SELECT close_code FROM feeds_connection") == [(Close.DRAIN,)]


def test_client_that_does_not_read_does_not_delay_the_drain(stack: Stack) -> None:
    """A client that reads no farewell is cut off after a while."""
    server = stack.server()
    stack.generator("--feed=arrays", "--rate=2000")
    with RawClient(stack.port, "client=deaf&feed=arrays", buffer=SMALL_BUFFER) as deaf:
        deaf.offsets(10)
        with RawClient(stack.port, "client=awake&feed=arrays") as awake:
            awake.offsets(2000)
            server.process.send_signal(signal.SIGTERM)
            assert awake.wait_for("bye")["code"] == Close.DRAIN
        assert server.process.wait(PATIENCE_SECONDS) == 0
    ends = stack.rows("SELECT close_code, reason FROM feeds_connection")
    assert ends == [(Close.DRAIN, "the server stops")] * 2


def test_rolling_restart_loses_nothing(stack: Stack) -> None:
    """Two servers are restarted in turn under load, and every log is whole."""
    ports = [free_port(), free_port()]
    servers = {port: stack.server(port=port) for port in ports}
    stack.generator("--rate=100")
    with Balancer(list(ports)) as balancer:
        stack.url = balancer.url
        eight = Eight(stack)
        eight.wait_for_blocks(1)
        for port in [*ports, *ports]:
            assert servers[port].stop(signal.SIGTERM) == 0, servers[port].said
            assert "Traceback" not in servers[port].said
            servers[port] = stack.server(port=port)
            eight.wait_for_blocks(1)
        eight.stop()
    eight.judge()
    served = stack.rows("SELECT count(DISTINCT server) FROM feeds_connection")
    assert served[0][0] >= 4
