"""
The distinction between live and caught-up messages of a connection.

A client that reconnects receives the messages that it missed at once. Blocks of them take almost
no time, and their messages are late by the client's absence. So they must not count as
measurements of the feed.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..wire.message import Message
from ..wire.welcome import Welcome
from .serverclock import DRIFT_PPM

LIVE_SPREAD_US = 50_000
"""A live message is seldom later than the promptest one by more than this; messages after a
catch-up were late by 145 to 243 ms."""
SETTLE_US = 1_000_000
"""For this long after a reconnect or the last caught-up message, a late message still
counts as caught up. It is short, so that the figures show a server that stays slow."""


@dataclass(frozen=True, slots=True)
class _Backlog:
    """The messages of one feed that are still to be caught up."""

    end: int
    """Its last offset."""
    rate: float
    since: float
    """When the client last knew that no more messages were due."""
    more: int | None = None
    """
    Messages that became due during the last step; None: this is the first step.

    While a client catches up, each step at least halves this number. Once the
    client is live it no longer shrinks.
    """


@dataclass(frozen=True, slots=True)
class _Prompt:
    """The promptest live message of a feed, in microseconds."""

    delay_us: int
    """From its intended time to its receipt; the two clocks need not agree."""
    taken_us: int

    def delay_at(self, now_us: int) -> float:
        """Return its delay at *now_us*, plus the most that the clocks may have drifted."""
        return self.delay_us + (now_us - self.taken_us) * DRIFT_PPM / 1_000_000


class CatchUp:
    """
    The backlog of each connection, per feed.

    A message is caught up if its offset is at most the *head* in the welcome,
    or if it became due while the client was still receiving these messages. The first messages
    after that also count as caught up while they are later than live messages were, for at most
    `SETTLE_US`.
    """

    def __init__(self) -> None:
        self._backlogs: dict[str, _Backlog] = {}
        self._prompt: dict[str, _Prompt] = {}
        """Kept from one connection to the next, as the reference after a reconnect."""
        self._settles: dict[str, int] = {}
        """Feeds without a live message since the welcome, each with its deadline for one."""

    def begin(self, welcome: Welcome, seconds: float) -> None:
        """Begin with a new connection's *welcome*, received at *seconds* of the monotonic clock."""
        self._backlogs = {
            name: _Backlog(end=feed.head, rate=feed.rate, since=seconds)
            for name, feed in welcome.feeds.items()
            if feed.head > feed.offset
        }
        self._settles = dict.fromkeys(welcome.feeds, round(seconds * 1_000_000) + SETTLE_US)

    def takes(self, message: Message, seconds: float) -> bool:
        """Tell whether *message*, received at *seconds*, is caught up."""
        feed, now_us = message.feed, round(seconds * 1_000_000)
        if self._is_behind(feed, message.offset, seconds):
            self._settles[feed] = now_us + SETTLE_US
            return True
        delay_us, prompt = now_us - message.at, self._prompt.get(feed)
        usual_us = delay_us if prompt is None else prompt.delay_at(now_us)
        if feed in self._settles:
            is_late = delay_us > usual_us + LIVE_SPREAD_US
            if is_late and now_us < self._settles[feed]:
                return True
            del self._settles[feed]
            if is_late:
                # The delay is permanent: the server is slower now, or its clock was set.
                usual_us = delay_us
        if delay_us <= usual_us:
            self._prompt[feed] = _Prompt(delay_us, now_us)
        return False

    def _is_behind(self, feed: str, offset: int, seconds: float) -> bool:
        backlog = self._backlogs.get(feed)
        if backlog is None:
            return False
        end = backlog.end
        if offset >= end:
            # More messages became due meanwhile, and wait behind the backlog.
            more = int(backlog.rate * (seconds - backlog.since))
            is_shrinking = backlog.more is None or 2 * more <= backlog.more
            if offset == end and more > 0 and is_shrinking:
                self._backlogs[feed] = _Backlog(end + more, backlog.rate, seconds, more)
            else:
                del self._backlogs[feed]
        return offset <= end
