"""
The current outages of this process, as sentences for people.

The page and the admin show them. Each part of the process reports the beginning
and the end of its own outage.

A driver's errors may name hosts, ports and roles, so only staff can see them, or everybody if DEBUG
is on.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One part that does not work."""

    what: str
    """The problem, as the first half of a sentence."""
    cause: str
    """The driver's error text; empty if it has none."""
    then: str
    """The consequence, or what to do."""

    def sentence(self, *, detailed: bool) -> str:
        """Return the outage as a sentence; with the cause if *detailed*."""
        cause = f" ({self.cause})" if detailed and self.cause else ""
        return f"{self.what}{cause}; {self.then}"


class Outages:
    """The current outages, by part of the process."""

    def __init__(self) -> None:
        self._outages: dict[str, Outage] = {}
        self._seen: set[str] = set()
        self._past: dict[str, Outage] = {}

    def begin(self, part: str, outage: Outage) -> None:
        """Set the *outage* of *part*, replacing an earlier one."""
        self._outages[part] = outage
        self._seen.add(part)

    def end(self, part: str) -> None:
        """Record that *part* works; it may have worked before."""
        self._outages.pop(part, None)

    def current(self) -> dict[str, Outage]:
        """Return the current outages, by part; any thread may call."""
        return dict(self._outages)

    def keep(self, outage: Outage) -> None:
        """Show *outage*, which is over, until the process ends; `seen` does not name it."""
        self._past[outage.what] = outage

    def seen(self) -> list[str]:
        """Return the parts that had an outage at any time since the last call, sorted."""
        seen, self._seen = self._seen, set(self._outages)
        return sorted(seen)

    def sentences(self, *, detailed: bool) -> list[str]:
        """Return a sentence for each outage, current ones last; any thread may call."""
        shown = [*self._past.values(), *self._outages.values()]
        return [outage.sentence(detailed=detailed) for outage in shown]


OUTAGES = Outages()
"""The outages of this process."""
