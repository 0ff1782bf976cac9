"""The channel layer on a real server: delivery, outages, endings."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from feeds.layer import keeper, valkey
from feeds.layer.channel_layer import FeedLayer
from feeds.layer.link import LayerUnavailable, Link
from feeds.running.mailbox import Mailbox
from tests.support.embedded import CHECKOUT, forget, lone_server, processes, wait_until
from tools.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")

MEMBER = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from django.conf import settings
settings.configure(VAR_DIR=sys.argv[2])
from feeds.layer.channel_layer import FeedLayer
async def main():
    layer = FeedLayer()
    channel = await layer.new_channel()
    await layer.group_add("everybody", channel)
    print(channel, flush=True)
    while True:
        message = await layer.receive(channel)
        await layer.send(message["reply_to"], {"type": "reply", "text": message["text"]})
asyncio.run(main())
"""

ENDING = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from django.conf import settings
settings.configure(VAR_DIR=sys.argv[2])
from feeds.layer.channel_layer import FeedLayer
layer = FeedLayer()
async def main():
    # Development mode reports whatever takes longer than this: a busy machine is no fault.
    asyncio.get_running_loop().slow_callback_duration = 60
    channel = await layer.new_channel()
    await layer.group_add("everybody", channel)
    global waiting
    waiting = asyncio.ensure_future(layer.receive(channel))
    await asyncio.sleep(0)
"""
ENDINGS = {
    "asyncio": "asyncio.run(main())",
    # Daphne's way: the loop is stopped but never closed.
    "twisted": """
from twisted.internet import asyncioreactor
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
asyncioreactor.install(loop)
from twisted.internet import reactor
task = loop.create_task(main())
task.add_done_callback(lambda _: reactor.callLater(0, reactor.stop))
reactor.run()
""",
}
FLAGS = {"asyncio": ("-X", "dev", "-W", "error"), "twisted": ()}
"""Under Twisted, an interpreter that shows every warning complains about the open loop."""


@pytest.fixture
def directory(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """Return the directory of a server for this test alone; it starts on demand."""
    settings.VAR_DIR = tmp_path
    path = valkey.runtime_directory(str(tmp_path))
    yield path
    forget(path)


@pytest.fixture
def member(tmp_path: Path, directory: Path) -> Iterator[str]:
    """Run a process that is a member of `everybody`; return its channel."""
    with subprocess.Popen(
        [sys.executable, "-c", MEMBER, str(CHECKOUT), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().rstrip()
        finally:
            process.kill()


async def test_group_message_reaches_each_member_once(member: str) -> None:
    """A group's message reaches each member once, in this process and in others."""
    layer = FeedLayer()
    channels = [await layer.new_channel() for _ in range(3)]
    for channel in channels:
        await layer.group_add("everybody", channel)
    answers = await layer.new_channel()
    await layer.group_send("everybody", {"type": "x", "text": "hello", "reply_to": answers})
    async with asyncio.timeout(PATIENCE_SECONDS):
        for channel in channels:
            assert (await layer.receive(channel))["text"] == "hello"
        assert await layer.receive(answers) == {"type": "reply", "text": "hello"}
    assert {name: len(mailbox) for name, mailbox in layer.channels.items()} == dict.fromkeys(
        [*channels, answers], 0
    )


async def test_mailbox_keeps_messages_in_order() -> None:
    """Messages are received in order, before or after they are awaited, and none is lost."""
    mailbox = Mailbox[bytes]()
    mailbox.put_nowait(b"1")
    mailbox.put_nowait(b"2")
    assert [await mailbox.get(), await mailbox.get()] == [b"1", b"2"]
    waiting = asyncio.ensure_future(mailbox.get())
    await asyncio.sleep(0)
    waiting.cancel()
    mailbox.put_nowait(b"3")
    with pytest.raises(asyncio.CancelledError):
        await waiting
    waiting = asyncio.ensure_future(mailbox.get())
    assert await waiting == b"3"
    waiting = asyncio.ensure_future(mailbox.get())
    await asyncio.sleep(0)
    mailbox.put_nowait(b"4")
    mailbox.put_nowait(b"5")
    assert [await waiting, await mailbox.get(), len(mailbox)] == [b"4", b"5", 0]


async def test_private_channel_crosses_processes(member: str) -> None:
    """A private channel is reachable from another process, and answers."""
    layer = FeedLayer()
    mine, other = await layer.new_channel(), await layer.new_channel()
    await layer.send(member, {"type": "x", "text": "only you", "reply_to": mine})
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await layer.receive(mine) == {"type": "reply", "text": "only you"}
    assert not len(layer.channels[other])


async def test_discarded_member_gets_nothing(directory: Path) -> None:
    """A member that was discarded from a group gets no later message."""
    layer = FeedLayer()
    stays, goes = await layer.new_channel(), await layer.new_channel()
    for channel in (stays, goes):
        await layer.group_add("some", channel)
    await layer.group_discard("some", goes)
    await layer.group_send("some", {"type": "x"})
    async with asyncio.timeout(PATIENCE_SECONDS):
        await layer.receive(stays)
    assert not len(layer.channels[goes])


async def test_empty_group_is_unsubscribed(directory: Path) -> None:
    """A subscription is confirmed on joining; the first message that finds no member ends it."""
    layer = FeedLayer()

    def members() -> bytes:
        command = b"PUBSUB NUMSUB blockfeed__group__some"
        return (keeper.ask(directory / keeper.SOCKET, command) or b"").split()[-1]

    channel = await layer.new_channel()
    await layer.group_add("some", channel)
    assert members() == b":1"
    (link,) = layer._shards
    assert all(confirmed.is_set() for confirmed in link._wanted.values())
    await layer.group_discard("some", channel)
    await layer.group_send("some", {"type": "x"})
    await asyncio.to_thread(wait_until, lambda: members() == b":0")


async def test_cancelled_receive_forgets_the_channel(directory: Path) -> None:
    """A channel whose receive is cancelled is removed, and leaves its groups."""
    layer = FeedLayer()
    channel = await layer.new_channel()
    await layer.group_add("some", channel)
    receiving = asyncio.create_task(layer.receive(channel))
    await asyncio.sleep(0)
    receiving.cancel()
    await asyncio.wait([receiving])
    assert receiving.cancelled()
    assert (layer.channels, layer.groups) == ({}, {})


class ForgetfulDriver:
    """
    A driver that waits with `asyncio.wait_for`, as the real one does for its writes.

    Before Python 3.12, `wait_for` can lose a cancellation.
    """

    def __init__(self) -> None:
        self.done = asyncio.get_running_loop().create_future()

    async def get_message(self, timeout: float) -> dict[str, Any]:  # noqa: ASYNC109  the driver's
        """Return a dummy message, once it has arrived."""
        await asyncio.wait_for(self.done, timeout=PATIENCE_SECONDS)
        self.done = asyncio.get_running_loop().create_future()
        return {"type": "pong"}


async def test_cancellation_lost_by_the_driver_still_ends_listening() -> None:
    """Listening ends when it is cancelled, even at the moment a message arrives."""
    driver: Any = ForgetfulDriver()
    listening = asyncio.create_task(Link(str, lambda *_: None)._receive(driver))
    await asyncio.sleep(0)
    driver.done.set_result(None)
    listening.cancel()
    await asyncio.wait([listening], timeout=PATIENCE_SECONDS)
    assert listening.cancelled()


@pytest.mark.parametrize("victims", [("unixsocket",), ("keeper.py", "unixsocket")])
async def test_groups_recover_after_a_kill(directory: Path, victims: tuple[str, ...]) -> None:
    """After the server was killed, with or without its keeper, groups work again."""
    layer, sender = FeedLayer(), FeedLayer()
    before = await layer.new_channel()
    await layer.group_add("old", before)
    await sender.group_send("old", {"type": "x"})
    await layer.receive(before)
    for pid, command in processes(directory).items():
        if any(victim in command for victim in victims):
            os.kill(pid, signal.SIGKILL)
    # Nothing is sent yet: a process that only receives also restarts the server.
    await asyncio.to_thread(wait_until, lambda: len(processes(directory)) == 2)
    during = await layer.new_channel()
    await layer.group_add("new", during)
    await _send_until_received(sender, layer, {"old": before, "new": during})


async def test_outage_breaks_only_sends(tmp_path: Path) -> None:
    """Without a server sends fail; channels and groups can be created and work later."""
    layer = FeedLayer(url=f"unix://{tmp_path / keeper.SOCKET}")
    channel = await layer.new_channel()
    await layer.group_add("some", channel)
    with pytest.raises(LayerUnavailable, match="the channel layer is unreachable"):
        await layer.group_send("some", {"type": "x"})
    with pytest.raises(LayerUnavailable, match="the channel layer is unreachable"):
        await layer.send(channel, {"type": "x"})
    with lone_server(tmp_path) as server:
        await _send_until_received(layer, layer, {"some": channel})
        await layer.send(channel, {"type": "private"})
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await layer.receive(channel))["type"] != "private":
                pass
        # A hanging server is also an outage, which ends when the server continues.
        server.send_signal(signal.SIGSTOP)
        with pytest.raises(LayerUnavailable, match="the channel layer is unreachable"):
            await layer.group_send("some", {"type": "x"})
        server.send_signal(signal.SIGCONT)
        await _send_until_received(layer, layer, {"some": channel})


async def _send_until_received(
    sender: FeedLayer, layer: FeedLayer, members: dict[str, str]
) -> None:
    """Send to groups until the members received it; raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for group, channel in members.items():
            while not len(layer.channels[channel]):
                with contextlib.suppress(LayerUnavailable):
                    await sender.group_send(group, {"type": "x"})
                await asyncio.sleep(0.02)
            await layer.receive(channel)


@pytest.mark.parametrize("ending", ENDINGS)
def test_process_ends_quietly(tmp_path: Path, directory: Path, ending: str) -> None:
    """A process that ends during a receive leaves no task and no warning."""
    program = ENDING + ENDINGS[ending]
    ended = subprocess.run(
        [sys.executable, *FLAGS[ending], "-c", program, str(CHECKOUT), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    "url", ["", "localhost", "http://:secret@host", "redis://host:port", "redis://host?secret=1"]
)
def test_bad_url_is_refused(url: str) -> None:
    """An impossible address is refused in a sentence that reveals no secrets."""
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL must be") as refused:
        FeedLayer(url=url)
    assert "secret" not in str(refused.value)
