"""
Batches of a feed between processes: the only module that uses groups for data.

Each server process is *one* member of the group ``feed.<name>``, however many
clients it has: with a member per client, every message would pass through the
channel layer once per client (decision 0005). The layer delivers at most once;
messages that it loses are regenerated, so its errors do no harm.
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
    """Send *batch* to every server process; raises the layer's errors."""
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
        """Join the group of *feed*; raises the layer's errors."""
        if feed not in self._joined:
            if self._channel is None:
                self._channel = await self._layer.new_channel()
            await self._layer.group_add(_group(feed), self._channel)
            self._joined.add(feed)

    async def batches(self) -> AsyncIterator[Batch]:
        """Yield each received batch, forever, even if the layer fails."""
        while True:
            if self._channel is None:
                await asyncio.sleep(0.05)
                continue
            try:
                message = await self._layer.receive(self._channel)
            except Exception as error:  # noqa: BLE001  the errors depend on the driver
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
