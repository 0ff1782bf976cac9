"""The outcome of a swarm: its numbers, the bottleneck, and the files."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...core.errors import CouldNot
from ...wire.verdict import Verdict
from .status import PartStatus, whole

PERCENTS = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99_9": 99.9, "max": 100.0}
BUSY = 0.9
"""The share of a core at which a process is saturated."""
LATE_SECONDS = 0.1
"""A loop this late distorts the latencies that it measures."""
BOUND_SECONDS = 3
"""Seconds of a saturated process, or of a late loop, that make the load side the bottleneck."""


@dataclass(slots=True)
class Load:
    """The resources that one process of a swarm used."""

    processor: list[float] = field(default_factory=list)
    """The share of a core, second by second."""
    late: list[float] = field(default_factory=list)
    """The largest delay of its loop, second by second, in seconds."""

    @property
    def why_bound(self) -> str | None:
        """The reason why the process could not keep up; None: it could."""
        busy = sum(share >= BUSY for share in self.processor)
        late = sum(seconds >= LATE_SECONDS for seconds in self.late)
        if busy >= BOUND_SECONDS:
            return f"used {max(self.processor):.0%} of a core"
        if late >= BOUND_SECONDS:
            return f"ran its event loop up to {max(self.late):.2f} s late"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a swarm."""

    asked: Mapping[str, Any]
    """The options, including the seed."""
    parts: Mapping[str, PartStatus]
    loads: Sequence[Load]
    """One per process."""
    server: Sequence[float]
    """The share of a core that the server used, second by second; empty: unknown."""
    failures: Sequence[str]
    """The reasons why members could not continue, one sentence each."""
    seconds: float
    """From the start of the first process to the end of the last."""
    is_server_gone: bool = False
    """Whether the server's process ended before the swarm did."""

    @property
    def why_bound(self) -> str | None:
        """The sentence that explains why the load side was the bottleneck; None: it was not."""
        for number, load in enumerate(self.loads, 1):
            if load.why_bound is not None:
                return (
                    f"the load side is the bottleneck: process {number} of {len(self.loads)} "
                    f"{load.why_bound}; latencies include its own delays"
                )
        return None

    def require_anybody(self) -> None:
        """Raise CouldNot with the first failure if every member failed."""
        members = sum(part.members for part in self.parts.values())
        if self.failures and len(self.failures) == members:
            raise CouldNot(self.failures[0])

    def measured(self) -> dict[str, float]:
        """Return the measures of all members; those without a value are left out."""
        return measured(whole(self.parts.values()))

    def write(self) -> dict[str, Any]:
        """Return the JSON object of the outcome."""
        return {
            "asked": dict(self.asked),
            "seconds": round(self.seconds, 3),
            "measured": self.measured(),
            "parts": {name: describe(part) for name, part in self.parts.items()},
            "load": [_shares(load.processor) | _late(load.late) for load in self.loads],
            "server": _shares(self.server),
            "is_load_bound": self.why_bound is not None,
            "why": self.why_bound or "",
            "failures": list(self.failures),
            "versions": {
                "python": platform.python_version(),
                "websockets": version("websockets"),
            },
            "machine": f"{platform.platform(terse=True)}, {os.cpu_count()} cores",
        }

    def save(self, folder: Path) -> None:
        """Write ``outcome.json``; raises OSError."""
        text = json.dumps(self.write(), indent=2, ensure_ascii=False) + "\n"
        (folder / "outcome.json").write_text(text, encoding="utf-8")


def measured(part: PartStatus) -> dict[str, float]:
    """Return the measures of *part* by name; those without a value are left out."""
    found: dict[str, float] = {
        "gaps": part.gaps,
        "duplicates": part.duplicates,
        "reconnects": part.reconnects,
        "blocks": part.blocks,
        "broken": part.verdicts[Verdict.BROKEN],
        "unacknowledged": part.unacknowledged,
    }
    if part.members:
        found["connected"] = part.reached / part.members
    if part.expected:
        found["reach"] = part.received / part.expected
    if judged := part.verdicts.total():
        found["verified"] = part.verdicts[Verdict.VERIFIED] / judged
    if part.latencies.total:
        found |= {f"latency_{name}": part.latencies.percentile(p) for name, p in PERCENTS.items()}
    return found


def describe(part: PartStatus) -> dict[str, Any]:
    """Return the counts and the measures of *part*."""
    return {
        "members": part.members,
        "messages": part.messages,
        "expected": part.expected,
        "received": part.received,
        "behind": part.behind,
        "interrupted": part.interrupted,
        "verdicts": dict(part.verdicts),
        "clock_error": part.clock_error,
        **measured(part),
    }


def _shares(samples: Sequence[float]) -> dict[str, float]:
    if not samples:
        return {}
    return {"mean": round(sum(samples) / len(samples), 3), "max": round(max(samples), 3)}


def _late(samples: Sequence[float]) -> dict[str, float]:
    return {"late": round(max(samples, default=0.0), 4)}
