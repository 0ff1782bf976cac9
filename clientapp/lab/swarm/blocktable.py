"""The table of a swarm's blocks, for other programs."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TextIO

from ...core.errors import CouldNot
from ...core.events import Completed
from .swarmplan import Role

FILE = "blocks.csv"
COLUMNS = (
    "client",
    "part",
    "block_size",
    "block",
    "clients",
    "seconds",
    "started_at",
    "latency_p50",
    "latency_p99",
    "latency_max",
    "gaps",
    "duplicates",
    "interrupted",
)
"""The columns; *clients* is the number of members of the same process that were connected."""


class BlockTable:
    """Rows for the blocks of one process, written to *file*; its columns are `COLUMNS`."""

    def __init__(self, file: TextIO) -> None:
        self._rows = csv.writer(file, lineterminator="\n")

    def add(self, role: Role, block: Completed, clients: int) -> None:
        """Write the row of a block that a member with *role* completed."""
        latency, feeds = block.latency, block.feeds.values()
        self._rows.writerow(
            (
                role.name,
                role.part,
                role.part.block_size,
                block.block,
                clients,
                block.seconds,
                block.started_at,
                latency.p50,
                latency.p99,
                latency.max,
                sum(part.gaps for part in feeds),
                sum(part.duplicates for part in feeds),
                block.interrupted,
            )
        )


def path_of(folder: Path, process: int) -> Path:
    """Return the path of the rows that process number *process* writes."""
    return folder / f"{FILE}.{process}"


def begin_table(folder: Path) -> None:
    """Write the columns of the table in *folder*; raises CouldNot if that fails."""
    with _writing(folder / FILE, "w") as table:
        table.write(",".join(COLUMNS) + "\n")


def gather_tables(folder: Path, processes: int) -> None:
    """Move the rows that the processes wrote into the table; raises CouldNot."""
    with _writing(folder / FILE, "a") as table:
        for path in (path_of(folder, process) for process in range(processes)):
            if path.exists():
                with path.open(encoding="utf-8", newline="") as rows:
                    shutil.copyfileobj(rows, table)
                path.unlink()


@contextmanager
def _writing(path: Path, mode: Literal["w", "a"]) -> Iterator[TextIO]:
    try:
        with path.open(mode, encoding="utf-8", newline="") as table:
            yield table
    except OSError as error:
        raise CouldNot(f"the table {path} cannot be written: {error.strerror}") from None
