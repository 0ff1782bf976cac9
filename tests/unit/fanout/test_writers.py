"""The writer over ASGI's ``send``, on an event loop without sockets."""

import asyncio
from typing import Any

import pytest

from feeds.core.frames import frame
from feeds.fanout.writers import SendWriter


class Peer:
    """The other end, which takes one event each time it is allowed to."""

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
    """Every frame is one event, in the order of the calls, followed by one call of drained."""
    peer = Peer()
    assert not peer.writer.write(frame(b"1") + frame("zwölf".encode()))
    assert not peer.writer.write(frame(b"3"))
    await peer.writer.flush()

    assert (peer.texts, peer.drains) == (["1", "zwölf", "3"], 1)


async def test_frames_written_meanwhile_follow() -> None:
    """Frames written while the peer is slow leave after the earlier ones."""
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
    """A callback that learns that all frames have left may write more at once."""
    peer = Peer()

    def write_more() -> None:
        peer.drains += 1
        if peer.drains == 1:
            peer.writer.write(frame(b"2"))

    peer.writer.drained = write_more
    peer.writer.write(frame(b"1"))
    await peer.writer.flush()
    await peer.writer.flush()

    assert (peer.texts, peer.drains) == (["1", "2"], 2)


async def test_frames_for_a_lost_peer_are_dropped() -> None:
    """Frames that cannot be sent are dropped, and drained is not called."""
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


async def test_flush_can_be_cancelled() -> None:
    """Cancelling a flush cancels nothing else."""
    peer = Peer(takes=0)
    peer.writer.write(frame(b"1"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await peer.writer.flush()
    peer.takes.release()
    await peer.writer.flush()

    assert (peer.texts, peer.drains) == (["1"], 1)


async def test_flush_without_frames_returns_at_once() -> None:
    """Without written frames a flush does not wait."""
    peer = Peer()
    await peer.writer.flush()

    assert (peer.texts, peer.drains) == ([], 0)
