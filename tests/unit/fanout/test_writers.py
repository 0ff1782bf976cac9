"""The writer over ASGI's ``send``, on a loop without a socket."""

import asyncio
from typing import Any

import pytest

from feeds.core.frames import frame
from feeds.fanout.writers import SendWriter


class Peer:
    """The other end: takes one event each time it is let."""

    def __init__(self, *, takes: int = 1000, breaks_at: int | None = None) -> None:
        self.texts: list[str] = []
        self.drains = 0
        self.takes = asyncio.Semaphore(takes)
        self._breaks_at = breaks_at
        self.writer = SendWriter(self._send)
        self.writer.drained = self._drained

    async def _send(self, event: dict[str, Any]) -> None:
        await self.takes.acquire()
        if len(self.texts) == self._breaks_at:
            self._breaks_at = None
            raise ConnectionError("the peer is gone")
        assert event["type"] == "websocket.send"
        self.texts.append(event["text"])

    def _drained(self) -> None:
        self.drains += 1


async def test_frames_leave_in_order() -> None:
    """Every frame is one event, in the order of the calls, and then it tells."""
    peer = Peer()
    assert not peer.writer.write(frame(b"1") + frame("zwölf".encode()))
    assert not peer.writer.write(frame(b"3"))
    await peer.writer.flush()

    assert (peer.texts, peer.drains) == (["1", "zwölf", "3"], 1)


async def test_what_comes_meanwhile_follows() -> None:
    """What is written while the peer is slow leaves after what was before it."""
    peer = Peer(takes=1)
    peer.writer.write(frame(b"1") + frame(b"2"))
    while not peer.texts:
        await asyncio.sleep(0)
    peer.writer.write(frame(b"3"))
    assert (peer.texts, peer.drains) == (["1"], 0)
    for _ in range(2):
        peer.takes.release()
    await peer.writer.flush()

    assert (peer.texts, peer.drains) == (["1", "2", "3"], 1)


async def test_drained_may_write_again() -> None:
    """Whoever is told that all has left may go on at once."""
    peer = Peer()

    def go_on() -> None:
        peer.drains += 1
        if peer.drains == 1:
            peer.writer.write(frame(b"2"))

    peer.writer.drained = go_on
    peer.writer.write(frame(b"1"))
    await peer.writer.flush()
    await peer.writer.flush()

    assert (peer.texts, peer.drains) == (["1", "2"], 2)


async def test_a_peer_that_is_gone() -> None:
    """What could not be sent is dropped, and nobody is told to go on."""
    peer = Peer(takes=1, breaks_at=1)
    peer.writer.write(frame(b"1") + frame(b"2"))
    while not peer.texts:
        await asyncio.sleep(0)
    peer.writer.write(frame(b"3"))
    peer.takes.release()
    await peer.writer.flush()
    assert (peer.texts, peer.drains) == (["1"], 0)
    peer.takes.release()
    peer.writer.write(frame(b"4"))
    await peer.writer.flush()

    assert (peer.texts, peer.drains) == (["1", "4"], 1)


async def test_who_waits_may_give_up() -> None:
    """A flush that is cancelled cancels nothing but itself."""
    peer = Peer(takes=0)
    peer.writer.write(frame(b"1"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await peer.writer.flush()
    peer.takes.release()
    await peer.writer.flush()

    assert (peer.texts, peer.drains) == (["1"], 1)


async def test_nothing_to_flush() -> None:
    """Where nothing was taken, there is nothing to wait for."""
    peer = Peer()
    await peer.writer.flush()

    assert (peer.texts, peer.drains) == ([], 0)
