"""
One process of a swarm: its members, and their status every second.

The first line of standard input has its orders. When that input ends, the swarm's main process
has asked this one to stop, or has died.
"""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from ...core.serverurl import ServerUrl
from ...core.session import Session
from .blocktable import BlockTable
from .histogram import Histogram
from .member import Member
from .orders import Orders
from .status import PartStatus, Status
from .swarmplan import Role

STATUS_SECONDS = 1.0
TICK_SECONDS = 0.05
"""Interval at which the loop's delay is measured."""
LOOK_SECONDS = 0.25
"""Interval at which heads are collected from the members; the cost grows with their number."""


class Process:
    """The members of one process."""

    def __init__(self, orders: Orders, table: BlockTable | None) -> None:
        self._orders = orders
        self._heads: dict[str, int] = {}
        self._present: set[int] = set()
        """Numbers of the connected members; counting them again for each block costs too much."""
        self._latencies = {str(role.part): Histogram() for role in orders.roles}
        folder = None if orders.logs is None else Path(orders.logs)
        self._members = [
            Member(
                role,
                self._session(role),
                folder,
                label=orders.label,
                latencies=self._latencies[str(role.part)],
                heads=self._heads,
                present=self._present,
                table=table,
            )
            for role in orders.roles
        ]
        self._late = 0.0

    async def run(self) -> None:
        """Let every member play its role; print a status every second and at the end."""
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), self._stop)
        async with asyncio.TaskGroup() as group:
            helpers = [group.create_task(one) for one in (self._watch(), self._look(), self._say())]
            began = loop.time()
            await asyncio.gather(*(member.play(began) for member in self._members))
            for helper in helpers:
                helper.cancel()
        _tell(self._status(0.0))

    def _session(self, role: Role) -> Session:
        return Session(
            client=role.name,
            session=secrets.token_urlsafe(16),
            url=ServerUrl(self._orders.url, self._orders.token),
            feeds=role.part.feeds,
            block_size=role.part.block_size,
        )

    def _stop(self) -> None:
        """Let every member leave: standard input has ended."""
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        for member in self._members:
            member.stop()

    async def _watch(self) -> None:
        """Record the delay of the loop."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            self._late = max(self._late, loop.time() - due)

    async def _look(self) -> None:
        """Record the newest offset of each feed that any member here knows."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for member in self._members:
                for feed, offset in member.known.items():
                    if offset > self._heads.get(feed, 0):
                        self._heads[feed] = offset

    async def _say(self) -> None:
        spent, now = time.process_time(), time.monotonic()
        while True:
            await asyncio.sleep(STATUS_SECONDS)
            before, since = spent, now
            spent, now = time.process_time(), time.monotonic()
            _tell(self._status((spent - before) / (now - since)))

    def _status(self, processor: float) -> Status:
        parts = {name: PartStatus(latencies=seen) for name, seen in self._latencies.items()}
        for member in self._members:
            member.add_to(parts[str(member.role.part)])
        late, self._late = self._late, 0.0
        failures = [
            f"{member.role.name}: {member.failure}" for member in self._members if member.failure
        ]
        return Status(parts=parts, processor=processor, late=late, failures=failures)


def main() -> None:
    """Run the orders in the first line of standard input."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    orders = Orders.read(sys.stdin.readline())
    with ExitStack() as stack:
        table = None
        if orders.blocks is not None:
            path = Path(orders.blocks)
            table = BlockTable(stack.enter_context(path.open("w", encoding="utf-8", newline="")))
        asyncio.run(Process(orders, table).run())


def _tell(status: Status) -> None:
    try:
        print(status.write(), flush=True)
    except BrokenPipeError:
        # The main process is dead; the members leave nevertheless.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
