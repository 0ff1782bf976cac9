"""A client on Channels' communicator, and its frames."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator

from clientapp.wire import SUBPROTOCOL
from clientapp.wire.closing import fit_reason
from clientapp.wire.sentence import Sentence
from feeds.making.generator import Generator
from feeds.models import Feed
from tools.waiting import PATIENCE_SECONDS
from wsproject.asgi import application

SENTENCE = "Client alice received 1 block in 2.000 s time"


@asynccontextmanager
async def client(
    query: str = "", path: str = "/", *, offers: Sequence[str] = (SUBPROTOCOL,)
) -> AsyncIterator[WebsocketCommunicator]:
    """Connect, and disconnect at the end; a client that *offers* nothing may be plain."""
    communicator = WebsocketCommunicator(application, f"{path}?{query}", subprotocols=list(offers))
    connected, chosen = await communicator.connect(timeout=PATIENCE_SECONDS)
    assert connected
    assert chosen == (SUBPROTOCOL if SUBPROTOCOL in offers else None)
    yield communicator
    await communicator.disconnect()


async def generate(count: int, feed: str = "arrays") -> None:
    """Generate *count* messages within a short time."""
    await database_sync_to_async(Feed.objects.filter(name=feed).update)(rate=1000)
    await Generator(feed, get_channel_layer(), count=count).run()


async def epoch(feed: str = "arrays") -> str:
    """Return the epoch of the newest segment of *feed*."""
    row = await Feed.objects.aget(name=feed)
    segment = await row.segments.alatest("first")
    return segment.epoch


async def receive(communicator: WebsocketCommunicator, kind: str) -> dict[str, Any]:
    """Return the next frame of type *kind*; skip others."""
    while True:
        obj: dict[str, Any] = json.loads(await communicator.receive_from(timeout=PATIENCE_SECONDS))
        if obj["type"] == kind:
            return obj


async def close_code(communicator: WebsocketCommunicator) -> int:
    """Return the close code of the connection, after a bye with the same reason."""
    bye = await receive(communicator, "bye")
    closed = await communicator.receive_output(timeout=PATIENCE_SECONDS)
    assert (closed["code"], closed["reason"]) == (bye["code"], fit_reason(bye["reason"]))
    return int(closed["code"])


def report(epoch: str = "0" * 12, *, part: dict[str, Any] | None = None, **changes: Any) -> str:
    """Return the report frame of a block of three arrays that starts at offset 1."""
    held = {"epoch": epoch, "first": 1, "last": 3, "count": 3, "gaps": 0, "duplicates": 0}
    obj: dict[str, Any] = {
        "type": "report",
        "block": 1,
        "text": SENTENCE,
        "feeds": {"arrays": held | (part or {})},
        "size": 3,
        "seconds": 2.0,
        "started_at": 1_790_000_000_000_000,
        "finished_at": 1_790_000_002_000_000,
        "latency": {"p50": 0.001, "p99": 0.002, "max": 0.003},
        "interrupted": False,
    }
    obj |= changes
    if "text" not in changes:
        obj["text"] = str(Sentence("alice", obj["block"], obj["seconds"]))
    return json.dumps(obj)
