"""The swarm itself: starts the processes, reads their status, and adds it up."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core.errors import CouldNot
from ...core.serverurl import ServerUrl
from ..processor import Watch
from .blocktable import begin_table, gather_tables, path_of
from .capacity import require_files
from .orders import Orders
from .outcome import Load, Outcome
from .status import PartStatus, Status, total
from .swarmplan import Role

LONGEST_LINE = 2**24
"""Bytes of a status, which has some thousand buckets for each part."""


@dataclass(slots=True)
class _Running:
    process: asyncio.subprocess.Process
    status: Status = field(default_factory=Status)
    load: Load = field(default_factory=Load)


class Swarm:
    """The processes of a swarm and their members, from start to end."""

    def __init__(
        self,
        roles: Sequence[Role],
        *,
        url: str,
        label: str = "",
        processes: int = 1,
        logs: Path | None = None,
        results: Path | None = None,
        server: int | None = None,
        asked: Mapping[str, Any] | None = None,
    ) -> None:
        """
        Create a swarm with block logs in *logs* and the table of blocks in *results*.

        *server* is the server's process on this machine; its processor time is
        measured. *asked*, the options, is kept with the outcome.
        """
        self._orders = [
            Orders(
                url=ServerUrl(url).full,
                token=ServerUrl(url).token,
                label=label,
                roles=tuple(roles[number::processes]),
                logs=None if logs is None else str(logs.resolve()),
                blocks=None if results is None else str(path_of(results.resolve(), number)),
            )
            for number in range(processes)
        ]
        self._results = results
        self._server = Watch(server)
        self._asked = asked or {}
        self._running: list[_Running] = []
        self._is_stopped = False

    @property
    def parts(self) -> Mapping[str, PartStatus]:
        """The status of the members, by part."""
        return total(one.status for one in self._running)

    @property
    def processor(self) -> list[float]:
        """The share of a core that each process used in the last second."""
        return [one.status.processor for one in self._running]

    @property
    def server(self) -> float | None:
        """The share of a core that the server used in the last second; None: unknown."""
        return self._server.shares[-1] if self._server.shares else None

    @property
    def is_server_gone(self) -> bool:
        """Whether the server's process has ended."""
        return self._server.is_gone

    async def run(self) -> Outcome:
        """Let all members play their roles; raises CouldNot."""
        began = time.monotonic()
        require_files(max(map(_files, self._orders)))
        if self._results is not None:
            begin_table(self._results)
        watch = asyncio.create_task(self._watch_server())
        try:
            for orders in self._orders:
                self._running.append(_Running(await self._start(orders)))
            await asyncio.gather(*map(self._hear, self._running))
        finally:
            watch.cancel()
            for one in self._running:
                if one.process.returncode is None:
                    one.process.kill()
                    await one.process.wait()
            if self._results is not None:
                gather_tables(self._results, len(self._orders))
        return Outcome(
            asked=self._asked,
            parts=self.parts,
            loads=[one.load for one in self._running],
            server=self._server.shares,
            is_server_gone=self._server.is_gone,
            failures=[text for one in self._running for text in one.status.failures],
            seconds=time.monotonic() - began,
        )

    def stop(self) -> None:
        """Let every member leave; the second call kills the processes."""
        for one in self._running:
            if self._is_stopped and one.process.returncode is None:
                one.process.kill()
            elif one.process.stdin is not None:
                one.process.stdin.close()
        self._is_stopped = True

    async def _start(self, orders: Orders) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"{__package__}.process",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            limit=LONGEST_LINE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            # Ctrl-C reaches only this process, which stops the others.
            process_group=0,
        )
        assert process.stdin is not None
        process.stdin.write(orders.write())
        # If it has ended already, `_hear` notices.
        with suppress(ConnectionError):
            await process.stdin.drain()
        if self._is_stopped:
            process.stdin.close()
        return process

    async def _hear(self, one: _Running) -> None:
        assert one.process.stdout is not None
        async for line in one.process.stdout:
            one.status = Status.read(line)
            if one.status.processor:
                one.load.processor.append(one.status.processor)
                one.load.late.append(one.status.late)
        code = await one.process.wait()
        if code != 0 and not self._is_stopped:
            how = f"exited with code {code}" if code > 0 else f"was killed by signal {-code}"
            raise CouldNot(f"a process of the swarm {how}")

    async def _watch_server(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._server.look()


def _files(orders: Orders) -> int:
    """Return the number of connections and logs that a process keeps open."""
    return len(orders.roles) * (1 if orders.logs is None else 2)
