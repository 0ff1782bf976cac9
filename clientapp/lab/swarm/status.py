"""The status of a swarm: the reports of its processes every second, and their sum."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from .histogram import Histogram


@dataclass(slots=True)
class PartStatus:
    """The progress of the members of one part."""

    members: int = 0
    reached: int = 0
    """Members that ever connected."""
    connected: int = 0
    """Members that are connected now."""
    messages: int = 0
    expected: int = 0
    """Number of offsets from the members' starts to the newest known when the members ended."""
    received: int = 0
    """Number of these that arrived; a message that arrived again after a stay counts once."""
    behind: int = 0
    """Messages that slow readers had not read when they ended; they do not count as expected."""
    blocks: int = 0
    interrupted: int = 0
    """Blocks around a reconnect or catch-up; latencies leave them out."""
    gaps: int = 0
    duplicates: int = 0
    reconnects: int = 0
    unacknowledged: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    latencies: Histogram = field(default_factory=Histogram)
    clock_error: float | None = None
    """The largest error bound of the members' clocks, in seconds; None: unknown."""

    def write(self) -> dict[str, Any]:
        """Return the status as a JSON object."""
        return {
            **{name: getattr(self, name) for name in _COUNTS},
            "verdicts": self.verdicts,
            "latencies": list(self.latencies.counts.items()),
            "clock_error": self.clock_error,
        }

    @classmethod
    def read(cls, obj: dict[str, Any]) -> PartStatus:
        """Parse such an object."""
        verdicts = Counter(obj.pop("verdicts"))
        latencies = Histogram(dict(obj.pop("latencies")))
        return cls(verdicts=verdicts, latencies=latencies, **obj)

    def add(self, other: PartStatus) -> None:
        """Add the counts of *other*."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.verdicts.update(other.verdicts)
        self.latencies.merge(other.latencies)
        errors = [error for error in (self.clock_error, other.clock_error) if error is not None]
        self.clock_error = max(errors, default=None)


_COUNTS = tuple(name for name, kind in get_type_hints(PartStatus).items() if kind is int)


@dataclass(slots=True)
class Status:
    """The status of one process and its members."""

    parts: dict[str, PartStatus] = field(default_factory=dict)
    processor: float = 0.0
    """The share of a core it used in the last second."""
    late: float = 0.0
    """The largest delay of its event loop in the last second, in seconds."""
    failures: list[str] = field(default_factory=list)
    """The reasons why members could not continue, one sentence each."""

    def write(self) -> str:
        """Return one line of JSON."""
        obj = {
            "parts": {name: part.write() for name, part in self.parts.items()},
            "processor": self.processor,
            "late": self.late,
            "failures": self.failures,
        }
        return json.dumps(obj, separators=(",", ":"))

    @classmethod
    def read(cls, line: str | bytes) -> Status:
        """Parse a line that `write` returned."""
        obj: dict[str, Any] = json.loads(line)
        parts = {name: PartStatus.read(part) for name, part in obj.pop("parts").items()}
        return cls(parts=parts, **obj)


def total(statuses: Iterable[Status]) -> dict[str, PartStatus]:
    """Return the parts of all processes, added up."""
    parts: dict[str, PartStatus] = {}
    for status in statuses:
        for name, part in status.parts.items():
            parts.setdefault(name, PartStatus()).add(part)
    return parts


def whole(parts: Iterable[PartStatus]) -> PartStatus:
    """Return the sum of *parts*."""
    found = PartStatus()
    for part in parts:
        found.add(part)
    return found
