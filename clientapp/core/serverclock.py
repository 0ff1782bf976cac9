"""
An estimate of the server's clock from pings and pongs.

A pong contains the server's time at some moment between ping and pong, so half
the round trip bounds the error, even if the two directions are unequal. The
client uses its monotonic clock, so setting its wall clock changes no latency.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..wire.from_server import Pong
from ..wire.report import Clock
from ..wire.welcome import Welcome
from .stamp import Stamp

DRIFT_PPM = 100
"""The most by which two clocks drift apart: 50 ppm each, as specified for quartz."""
RESOLUTION_US = 1
"""Both clocks are read in whole microseconds."""
STEP_US = 100_000
"""If the wall clock moves this much against the monotonic one, it was set or the machine
slept. Less may pass between the two readings on a busy machine."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """One pong's measurement, in microseconds of the monotonic clock."""

    ahead_us: float
    """The lead of the server's clock over the monotonic clock."""
    bound_us: float
    taken_us: int

    def error_us(self, monotonic_us: int) -> float:
        """Return the bound of its error at *monotonic_us*, before or after the pong."""
        return self.bound_us + abs(monotonic_us - self.taken_us) * DRIFT_PPM / 1_000_000


class ServerClock:
    """
    An estimate of the server's clock, and the bound of its error.

    Keeps the pong with the smallest bound. The bound grows with age, so that a
    fresher pong replaces it and the estimate follows drift. If a pong contradicts
    the kept one, the server's clock was set; then the new one replaces it.
    """

    def __init__(self) -> None:
        self._best: _Sample | None = None
        self._is_old = False
        """Whether the next pong replaces the kept one in any case."""
        self._apart_us: int | None = None
        """The wall clock of the last stamp minus its monotonic one."""
        self._doubt_us = 0
        """The shift of the client's clocks against each other since the kept pong."""

    def receive(self, frame: object, stamp: Stamp) -> None:
        """
        Process a frame of the server; call this in order of receipt.

        The ``t0`` of a pong must be the monotonic clock at the ping, in
        microseconds; a pong from the future is ignored. After a welcome the server
        may be another one: the next pong replaces the estimate, which is used until
        then.
        """
        self._notice(stamp)
        match frame:
            case Welcome():
                self._is_old = True
            case Pong() if frame.t0 <= stamp.monotonic_us:
                self._take(frame, stamp.monotonic_us)

    def ahead_us(self, stamp: Stamp) -> float:
        """Return the microseconds to add to the wall clock of *stamp*; 0 if unknown."""
        if self._best is None:
            return 0.0
        return self._best.ahead_us - _apart_us(stamp)

    def between(self, first: Stamp, last: Stamp) -> Clock | None:
        """
        Return clock offset and error for the time from *first* to *last*.

        The offset is the one at *last*, the error the largest in that time;
        None before the first pong.
        """
        if self._best is None:
            return None
        ends = (first.monotonic_us, last.monotonic_us)
        error = max(self._best.error_us(end) for end in ends) + self._doubt_us
        step = abs(_apart_us(last) - _apart_us(first))
        if step > STEP_US:
            error = max(error, self._best.bound_us + step)
        return Clock(
            offset=round(self.ahead_us(last) / 1_000_000, 6), error=round(error / 1_000_000, 6)
        )

    def _notice(self, stamp: Stamp) -> None:
        """
        Check whether the client's clocks still run together.

        A clock that was set does no harm, but a machine that slept does, and both look the same.
        So the estimate starts again, and until the next pong the step counts as error.
        """
        apart = _apart_us(stamp)
        if self._apart_us is not None and abs(apart - self._apart_us) > STEP_US:
            self._doubt_us += abs(apart - self._apart_us)
            self._is_old = True
        self._apart_us = apart

    def _take(self, pong: Pong, here: int) -> None:
        new = _Sample(
            ahead_us=pong.now - (pong.t0 + here) / 2,
            bound_us=(here - pong.t0) / 2 + RESOLUTION_US,
            taken_us=here,
        )
        if self._best is None or self._is_old or _is_better(new, self._best):
            self._best, self._is_old, self._doubt_us = new, False, 0


def _apart_us(stamp: Stamp) -> int:
    return stamp.wall_us - stamp.monotonic_us


def _is_better(new: _Sample, held: _Sample) -> bool:
    """Tell whether *new* bounds the clock more closely than *held*, or contradicts it."""
    error = held.error_us(new.taken_us)
    apart = abs(new.ahead_us - held.ahead_us)
    return new.bound_us <= error or apart > new.bound_us + error
