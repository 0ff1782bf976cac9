"""
The clients of one run of a sweep, in a process of their own.

They are whole clients: each keeps a block log and reports its blocks. Only
the logs are not synced, since a run that a crash cuts short is done again.
"""

from __future__ import annotations

import asyncio
import json
import resource
import secrets
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from clientapp.blocklog import BlockLog
from clientapp.core.errors import ClientError
from clientapp.core.events import Event
from clientapp.core.session import Session
from clientapp.core.tally import Tally
from clientapp.run import Run

RAMP_PER_SECOND = 100
"""Clients that connect in a second: fewer than a server takes, so that nobody waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a crew is to do."""

    url: str
    feed: str
    block_sizes: tuple[int, ...]
    """Of the clients, in turn."""
    clients: int
    messages: int
    """Messages that each client collects at least."""
    folder: str
    """Where the logs go."""
    label: str
    """What every report carries."""

    def write(self) -> str:
        """Return the orders as an argument of the program."""
        return json.dumps(asdict(self))


def ramp_seconds(clients: int) -> float:
    """Return how long it takes until the last of *clients* connects."""
    return (clients - 1) / RAMP_PER_SECOND


async def work(orders: Orders) -> list[str]:
    """Let every client collect its blocks; return why clients could not, one sentence each."""
    ends = await asyncio.gather(
        *(_collect(orders, number) for number in range(orders.clients)), return_exceptions=True
    )
    failures = [end for end in ends if end is not None]
    for failure in failures:
        if not isinstance(failure, ClientError):
            raise failure
    return list(map(str, failures))


class _UnsyncedLog(BlockLog):
    def sync(self) -> None:
        """Leave the disk in peace: the time of its syncs is not what is measured."""


async def _collect(orders: Orders, number: int) -> None:
    await asyncio.sleep(number / RAMP_PER_SECOND)
    size = orders.block_sizes[number % len(orders.block_sizes)]
    name = f"sweep-{number}"
    asked = Session(
        client=name,
        session=secrets.token_urlsafe(16),
        url=orders.url,
        feeds=(orders.feed,),
        block_size=size,
    )
    with _UnsyncedLog(Path(orders.folder) / f"{name}.log") as log:
        run = Run(
            asked,
            log,
            Tally(size),
            _say_nothing,
            blocks=-(-orders.messages // size),
            label=orders.label,
            patient=False,
        )
        await run.to_end()


def _say_nothing(event: Event) -> None:
    pass


def main(argument: str) -> None:
    """Do what the orders say; print why clients could not, a sentence on each line."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for sentence in asyncio.run(work(Orders(**json.loads(argument)))):
        print(sentence)


if __name__ == "__main__":
    main(sys.argv[1])
