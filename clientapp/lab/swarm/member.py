"""One member of a swarm, from its first stay to its last."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from ...core import events
from ...core.errors import ClientError, CouldNot
from ...core.session import Session
from ...log.blocklog import BlockLog
from ...log.log import Log
from ...log.memorylog import MemoryLog
from ...run import Run
from .blocktable import BlockTable
from .histogram import Histogram
from .membertally import MemberTally
from .slowreader import SlowReader
from .status import PartStatus
from .swarmplan import Role, Stay

ARRIVE_SECONDS = 3.0
"""Wait at most this long for messages in transit when a member is about to leave."""


class Member:
    """A client that connects, collects and leaves according to its role."""

    def __init__(
        self,
        role: Role,
        session: Session,
        folder: Path | None,
        *,
        label: str,
        latencies: Histogram,
        heads: Mapping[str, int],
        present: set[int],
        table: BlockTable | None,
    ) -> None:
        """
        Create a member; it keeps a block log in *folder*, if given.

        *latencies* counts the latencies of the member's part. *heads* has the newest
        known offset of each feed in this process. *present* holds the member's number
        while it is connected. Each block becomes a row of *table*, if given.
        """
        self.role = role
        self._session = session
        self._folder = folder
        self._label = label
        self._heads = heads
        self._present = present
        self._table = table
        is_slow = role.bytes_per_second is not None
        self._tally = MemberTally(session.block_size, histogram=None if is_slow else latencies)
        self._begin: dict[str, int] = {}
        self._end: dict[str, int] = {}
        self._behind = 0
        self._stays = 0
        self._run: Run | None = None
        self._stop = asyncio.Event()
        self._left = 0
        self._obstacle = ""
        """The reason, in brackets, why the last attempt to connect failed; empty: unknown."""
        self.failure: str | None = None
        """The reason why the member could not continue; None: it can."""

    @property
    def positions(self) -> dict[str, int]:
        """The offset up to which each feed has been received."""
        positions = {} if self._run is None else self._run.positions
        return {feed: at.offset for feed, at in positions.items()}

    @property
    def known(self) -> dict[str, int]:
        """The newest offset known of each feed, from a message or a heartbeat."""
        known = self.positions
        heads = {} if self._run is None else self._run.heads
        return known | {feed: at for feed, at in heads.items() if at > known.get(feed, 0)}

    async def play(self, began: float) -> None:
        """Play the role; *began* is the start of the swarm by the loop's clock."""
        with ExitStack() as stack:
            log: Log = MemoryLog()
            try:
                if self._folder is not None:
                    path = self._folder / f"{self.role.name}.log"
                    # Syncs would distort the measurement; after a crash, measure again.
                    log = stack.enter_context(BlockLog(path, is_synced=False))
                for stay in self.role.stays:
                    await self._stay(log, stay, began)
                if self._tally.connects == 0 and not self._stop.is_set():
                    raise CouldNot(f"it never connected{self._obstacle}")
            except ClientError as error:
                self.failure = str(error)

    def stop(self) -> None:
        """Leave soon, and do not return."""
        self._stop.set()

    def show(self, event: events.Event) -> None:
        """Record the values that the statistics of a swarm need."""
        match event:
            case events.Connected():
                self._present.add(self.role.number)
                if not self._begin:
                    self._begin = self.positions
            case events.Waiting():
                self._obstacle = f" ({event.reason})"
            case events.Disconnected():
                self._present.discard(self.role.number)
            case events.Completed() if self._table is not None:
                self._table.add(self.role, event, len(self._present))

    def add_to(self, part: PartStatus) -> None:
        """Add the counts of this member, without its latencies."""
        tally = self._tally
        part.members += 1
        part.reached += tally.connects > 0
        part.connected += self.role.number in self._present
        part.messages += tally.messages
        part.blocks += tally.blocks
        part.gaps += tally.gaps
        part.duplicates += tally.duplicates
        part.reconnects += max(0, tally.connects - self._stays)
        part.interrupted += tally.interrupted
        part.unacknowledged += self._left
        part.verdicts.update(tally.verdicts)
        if tally.clock is not None:
            part.clock_error = max(part.clock_error or 0.0, tally.clock.error)
        if self._end:
            begin, mine = self._begin, self.positions
            came = sum(min(mine[feed], end) - begin[feed] for feed, end in self._end.items())
            part.received += max(0, came - tally.gaps)
            part.expected += sum(end - begin[feed] for feed, end in self._end.items())
            part.behind += self._behind

    async def _stay(self, log: Log, stay: Stay, began: float) -> None:
        await self._until(began + stay.begin)
        if self._stop.is_set():
            return
        self._stays += 1
        bytes_per_second = self.role.bytes_per_second
        self._run = Run(
            self._session,
            log,
            self._tally,
            self,
            label=self._label,
            brake=None if bytes_per_second is None else SlowReader(bytes_per_second),
        )
        self._tally.forget_rest()
        if not self.positions:
            # It left before its first block, so it starts again at the current heads.
            self._begin, self._end = {}, {}
        leaving = asyncio.create_task(self._leave(self._run, began + stay.end))
        try:
            await self._run.to_end()
        finally:
            leaving.cancel()
            self._present.discard(self.role.number)
            self._left = self._run.unacknowledged

    async def _leave(self, run: Run, when: float) -> None:
        await self._until(when)
        known = self.known
        target = {
            feed: max(self._heads.get(feed, 0), known.get(feed, 0)) for feed in self._session.feeds
        }
        if self.role.bytes_per_second is None and self._begin:
            with suppress(TimeoutError):
                async with asyncio.timeout(ARRIVE_SECONDS):
                    await self._reach(target)
            # More may have arrived while it waited.
            mine = self.positions
            self._end = {feed: max(end, mine[feed]) for feed, end in target.items()}
        elif self._begin:
            self._end = self.positions
            self._behind = sum(max(0, target[feed] - end) for feed, end in self._end.items())
        run.interrupt()

    async def _reach(self, target: Mapping[str, int]) -> None:
        while any(self.positions.get(feed, 0) < end for feed, end in target.items()):  # noqa: ASYNC110  a run has no event for it
            await asyncio.sleep(0.02)

    async def _until(self, when: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(when):
                await self._stop.wait()
