"""The measurements of one block, read from a database or a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from ..wire.verdict import Verdict

UNSTEADY = "at no steady rate"
"""A pause, or a new rate, began within the block."""
UNKNOWN = "at an unknown rate"


class Reason(StrEnum):
    """The reason for leaving a block out of the figures, as sentences name it."""

    PLAIN = "of plain clients"
    BROKEN = "broken"
    UNVERIFIABLE = "unverifiable"
    UNJUDGED = "not yet judged"
    INTERRUPTED = "around a reconnect or catch-up"
    NO_IDEAL = "without a known ideal time"


class LatencySeen(NamedTuple):
    """Seconds from the intended time of a message to its receipt, in one block."""

    p50: float
    p99: float
    max: float


class Measured(NamedTuple):
    """The measurements of one block."""

    rates: str
    """The feeds of its session and their rates, as `label_of` names them."""
    size: int | None
    """Messages; None: its client did not report it."""
    seconds: float
    """The block time."""
    ideal: float | None
    """Seconds from the intended time of its first message to that of its last; None: unknown."""
    verdict: str
    """The server's verdict; empty if it is not known yet."""
    interrupted: bool
    """Whether it spans a reconnect, or contains caught-up messages."""
    plain: bool
    """Whether its client reported only the sentence."""
    latency: LatencySeen | None
    """Latencies; None if there are none by the server's clock."""

    @property
    def overhead(self) -> float:
        """Block time minus the ideal, which must be known."""
        assert self.ideal is not None
        return self.seconds - self.ideal

    @property
    def left_out(self) -> Reason | None:
        """The reason why figures of time and latency leave the block out; None: they include it."""
        if self.plain:
            return Reason.PLAIN
        if self.verdict == Verdict.BROKEN:
            return Reason.BROKEN
        if self.verdict == Verdict.UNVERIFIABLE:
            return Reason.UNVERIFIABLE
        if self.verdict != Verdict.VERIFIED:
            return Reason.UNJUDGED
        if self.interrupted:
            return Reason.INTERRUPTED
        return Reason.NO_IDEAL if self.ideal is None else None


def label_of(feeds: Sequence[str], rates: Mapping[str, float | None]) -> str:
    """
    Return the name of a group: feeds by name, each with its rate.

    For example ``arrays 2/s + users 1/s``. None means that the feed paused or its
    rate changed within the block; a feed absent from *rates* has an unknown one.
    """
    return " + ".join(_feed(name, rates) for name in sorted(feeds))


def plain_label(feeds: Sequence[str]) -> str:
    """Return the name of the group of plain clients with *feeds*, whose rates are unknown."""
    return f"{' + '.join(sorted(feeds))}, plain clients"


def _feed(name: str, rates: Mapping[str, float | None]) -> str:
    if name not in rates:
        return f"{name} {UNKNOWN}"
    rate = rates[name]
    if rate is None:
        return f"{name} {UNSTEADY}"
    return f"{name} {rate:,.3f}".rstrip("0").rstrip(".") + "/s"
