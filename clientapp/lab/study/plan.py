"""What a sweep is to measure, and what its runs cost; kept beside its logs."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass
from pathlib import Path

from ...core.errors import CouldNot

FILE = "sweep.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be measured."""

    url: str
    feed: str
    rate: float
    """Messages a second of the feed, as its server was told."""
    block_sizes: tuple[int, ...]
    clients: tuple[int, ...]
    repeats: int
    seconds: float
    """Of each run, once all clients are connected."""
    seed: int
    """Of the order of the runs."""

    def runs(self) -> list[tuple[int, int]]:
        """
        Return clients and repeat of every run, in the order to be done.

        A random one: what drifts with time must not look like an effect of
        clients.
        """
        repeats = range(1, self.repeats + 1)
        runs = [(clients, repeat) for repeat in repeats for clients in self.clients]
        random.Random(self.seed).shuffle(runs)
        return runs


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRun:
    """A run that was done."""

    clients: int
    repeat: int
    load: float
    """Cores that the clients used."""
    server: float | None
    """Cores that the server used; None: not known."""
    bound: str = ""
    """Why the load side was the bottleneck, a sentence; empty: it was not."""
    failed: int = 0
    """Clients that could not go on, or were never connected."""
    why: str = ""
    """The sentence of the first one."""
    unacknowledged: int = 0
    """Reports that the server did not acknowledge before their clients left."""


def folder_of(clients: int, repeat: int) -> str:
    """Return the name of the folder with the logs of a run."""
    return f"{clients}-clients-{repeat}"


def write_sweep(folder: Path, plan: Plan, runs: list[SweepRun]) -> None:
    """Keep *plan* and the *runs* done so far beside their logs; raises CouldNot."""
    text = json.dumps({"plan": asdict(plan), "runs": [asdict(run) for run in runs]}, indent=1)
    try:
        (folder / FILE).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CouldNot(f"the sweep cannot be written to {folder}: {error.strerror}") from None


def read_plan(folder: Path) -> tuple[Plan, list[SweepRun]]:
    """Return what `write_sweep` kept in *folder*; raises CouldNot."""
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
