"""
The publisher, which pushes the messages of one feed to the servers.

It only saves time: the servers regenerate messages that the channel layer loses.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from channels.layers import BaseChannelLayer

from feeds.core.limits import LIMITS
from feeds.core.schedule import Schedule
from feeds.layer.batches import Batch, push
from feeds.making.progress import Progress
from feeds.making.regeneration import Stretch
from feeds.running.clock import now_us

log = logging.getLogger(__name__)

SILENT_SECONDS = 1.0
"""Pause of pushing after a failure: a layer that hangs would delay the schedule, and
the servers regenerate these messages."""


class Publisher:
    """Pushes the batches of one feed into the channel layer."""

    def __init__(self, layer: BaseChannelLayer, progress: Progress) -> None:
        """Update *progress* with each batch."""
        self._layer = layer
        self._progress = progress
        self._silent_until = float("-inf")
        self._is_failing = False

    async def publish(self, made: Sequence[Stretch], schedule: Schedule) -> None:
        """Push the stretches *made*, which follow one another in *schedule*; never raises."""
        for stretch in made:
            await self._push(stretch)
        first, last = made[0].first, made[-1].first + len(made[-1].lines) - 1
        self._progress.rate = schedule.segment(last).rate_milli / 1000
        # The oldest message of a batch has the highest lateness.
        self._progress.add(last, last - first + 1, (now_us() - schedule.at(first)) / 1e6)

    async def _push(self, stretch: Stretch) -> None:
        if time.monotonic() < self._silent_until:
            self._progress.failures += 1
            return
        batch = Batch(self._progress.feed, stretch.epoch, stretch.first, stretch.lines)
        try:
            async with asyncio.timeout(LIMITS.layer_seconds):
                await push(self._layer, batch)
        except TimeoutError:
            self._fail(f"no answer within {LIMITS.layer_seconds:g} s")
        except Exception as error:  # noqa: BLE001  the errors depend on the driver
            self._fail(str(error))
        else:
            self._is_failing = False

    def _fail(self, cause: str) -> None:
        """Count a batch that was not pushed, log the first of an outage, and pause."""
        if not self._is_failing:
            log.warning(
                "the channel layer does not accept batches of %s: %s; servers generate these "
                "messages themselves",
                self._progress.feed,
                cause,
            )
        self._is_failing = True
        self._progress.failures += 1
        self._silent_until = time.monotonic() + SILENT_SECONDS
