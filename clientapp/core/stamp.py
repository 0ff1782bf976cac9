"""The time of a receipt, by the two clocks of a client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stamp:
    """The time at which a frame was received, by two clocks."""

    wall_us: int
    """Microseconds since 1970."""
    monotonic: float
    """Seconds, for durations only."""

    @property
    def monotonic_us(self) -> int:
        """The monotonic clock in whole microseconds, as sent in a ping."""
        return int(self.monotonic * 1_000_000)
