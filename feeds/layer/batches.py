"""
Batches of a feed between processes: the only file that says group for data.

Each server process is *one* member of the group ``feed.<name>``, whatever
the number of its clients: a member per client would put every message
through the channel layer once per client (decision 0005). The layer is at
most once and its errors mean nothing: what does not come is made again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from channels.layers import BaseChannelLayer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive lines of one feed, all of one epoch."""

    feed: str
    epoch: str
    first: int
    """The offset of the first line."""
    lines: list[bytes]


async def push(layer: BaseChannelLayer, batch: Batch) -> None:
    """Send *batch* to every server process; raises what the layer raises."""
    await layer.group_send(
        _group(batch.feed),
        {
            "type": "feed.batch",
            "feed": batch.feed,
            "epoch": batch.epoch,
            "first": batch.first,
            "lines": b"\n".join(batch.lines),
        },
    )


class Membership:
    """The membership of this process in the groups of its feeds."""

    def __init__(self, layer: BaseChannelLayer) -> None:
        self._layer = layer
        self._channel: str | None = None
        self._joined: set[str] = set()

    async def join(self, feed: str) -> None:
        """Become a member of the group of *feed*; raises what the layer raises."""
        if feed not in self._joined:
            if self._channel is None:
                self._channel = await self._layer.new_channel()
            await self._layer.group_add(_group(feed), self._channel)
            self._joined.add(feed)

    async def batches(self) -> AsyncIterator[Batch]:
        """Yield each batch that comes, for ever, whatever the layer does."""
        while True:
            if self._channel is None:
                await asyncio.sleep(0.05)
                continue
            try:
                message = await self._layer.receive(self._channel)
            except Exception as error:  # noqa: BLE001  a layer raises what its driver raises
                log.warning("the channel layer failed: %s", error)
                await asyncio.sleep(1)
                continue
            yield _batch(message)


def _group(feed: str) -> str:
    return f"feed.{feed}"


def _batch(message: dict[str, Any]) -> Batch:
    return Batch(
        feed=message["feed"],
        epoch=message["epoch"],
        first=message["first"],
        lines=message["lines"].split(b"\n"),
    )
