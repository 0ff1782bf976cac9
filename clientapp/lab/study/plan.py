"""The plan of a sweep, and the cost of its runs; kept beside its logs."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass
from pathlib import Path

from ...core.errors import CouldNot

FILE = "sweep.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The measurements that a sweep makes."""

    url: str
    feed: str
    rate: float
    """Messages per second of the feed, as configured on the server."""
    block_sizes: tuple[int, ...]
    clients: tuple[int, ...]
    repeats: int
    seconds: float
    """Duration of each run once all clients are connected."""
    seed: int
    """Seed for the order of the runs."""

    def runs(self) -> list[tuple[int, int]]:
        """
        Return clients and repeat of every run, in the order to run them.

        The order is random, so that a drift over time does not look like an
        effect of clients.
        """
        repeats = range(1, self.repeats + 1)
        runs = [(clients, repeat) for repeat in repeats for clients in self.clients]
        random.Random(self.seed).shuffle(runs)
        return runs


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRun:
    """A completed run."""

    clients: int
    repeat: int
    load: float
    """Cores that the clients used."""
    server: float | None
    """Cores that the server used; None: unknown."""
    bound: str = ""
    """The sentence that explains why the load side was the bottleneck; empty: it was not."""
    failed: int = 0
    """Clients that could not continue, or never connected."""
    why: str = ""
    """The reason why the first of these clients failed; empty: none failed."""
    unacknowledged: int = 0
    """Reports that the server did not acknowledge before their clients left."""


def folder_of(clients: int, repeat: int) -> str:
    """Return the name of the folder with the logs of a run."""
    return f"{clients}-clients-{repeat}"


def write_sweep(folder: Path, plan: Plan, runs: list[SweepRun]) -> None:
    """Write *plan* and the completed *runs* beside their logs; raises CouldNot."""
    text = json.dumps({"plan": asdict(plan), "runs": [asdict(run) for run in runs]}, indent=1)
    try:
        (folder / FILE).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CouldNot(f"the sweep cannot be written to {folder}: {error.strerror}") from None


def read_plan(folder: Path) -> tuple[Plan, list[SweepRun]]:
    """Read what `write_sweep` wrote to *folder*; raises CouldNot."""
    path = folder / FILE
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        plan = Plan(
            **kept["plan"]
            | {name: tuple(kept["plan"][name]) for name in ("block_sizes", "clients")}
        )
        return plan, [SweepRun(**run) for run in kept["runs"]]
    except OSError as error:
        raise CouldNot(f"the sweep {path} cannot be read: {error.strerror}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise CouldNot(f"{path} is not the file of a sweep: {error}") from None
