"""
What does not work in this process at present, in sentences for people.

The page and the admin show them. Each part of the process says when its own
trouble begins and when it is over.

Defends: what a driver says, which may name hosts, ports and roles, is shown
to staff, and to everybody only while debugging.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One thing that does not work."""

    what: str
    """What is the matter."""
    cause: str
    """Why, in the words of a driver; some errors have none."""
    then: str
    """What comes of it, or what to do."""

    def sentence(self, *, detailed: bool) -> str:
        """Return it in words; with the cause where *detailed*."""
        cause = f" ({self.cause})" if detailed and self.cause else ""
        return f"{self.what}{cause}; {self.then}"


class Outages:
    """What is the matter, by part of the process."""

    def __init__(self) -> None:
        self._outages: dict[str, Outage] = {}
        self._seen: set[str] = set()

    def begin(self, part: str, outage: Outage) -> None:
        """Say what is the matter with *part*, in place of what was said before."""
        self._outages[part] = outage
        self._seen.add(part)

    def end(self, part: str) -> None:
        """Note that *part* works; so it may have done before."""
        self._outages.pop(part, None)

    def seen(self) -> list[str]:
        """Return the parts that were out at some time since the last call, sorted."""
        seen, self._seen = self._seen, set(self._outages)
        return sorted(seen)

    def sentences(self, *, detailed: bool) -> list[str]:
        """Return what is the matter, the latest last; any thread may ask."""
        return [outage.sentence(detailed=detailed) for outage in list(self._outages.values())]


OUTAGES = Outages()
"""Those of this process."""
