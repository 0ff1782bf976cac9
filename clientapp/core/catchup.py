"""
Which messages of a connection are caught up rather than live.

A client that comes back gets at once what it missed. Such blocks take next to
no time and their messages are late by the client's absence, so they say nothing
about the feed.
"""

from __future__ import annotations

from dataclasses import dataclass

from clientapp.wire.welcome import Welcome


@dataclass(frozen=True, slots=True)
class _Backlog:
    """What one feed still has to catch up."""

    end: int
    """The last offset of it."""
    rate: float
    since: float
    """When the client last knew that this was all."""
    more: int | None = None
    """
    How many messages became due during the last step; None: it is the first.

    A client that catches up halves this with each step at least. One that is
    live gets as many in the time in which as many become due, for ever.
    """


class CatchUp:
    """
    The backlog of one connection, per feed.

    A message is caught up where its offset is at most the *head* that the
    welcome named, or became due while the client was still getting those.
    """

    def __init__(self) -> None:
        self._backlogs: dict[str, _Backlog] = {}

    def begin(self, welcome: Welcome, seconds: float) -> None:
        """Take the *welcome* of a new connection, received at *seconds*, monotonic."""
        self._backlogs = {
            name: _Backlog(end=feed.head, rate=feed.rate, since=seconds)
            for name, feed in welcome.feeds.items()
            if feed.head > feed.offset
        }

    def takes(self, feed: str, offset: int, seconds: float) -> bool:
        """Tell whether the message at *offset*, received at *seconds*, is caught up."""
        backlog = self._backlogs.get(feed)
        if backlog is None:
            return False
        end = backlog.end
        if offset >= end:
            # Meanwhile more became due, which waits behind the backlog as well.
            more = int(backlog.rate * (seconds - backlog.since))
            is_shrinking = backlog.more is None or 2 * more <= backlog.more
            if offset == end and more > 0 and is_shrinking:
                self._backlogs[feed] = _Backlog(end + more, backlog.rate, seconds, more)
            else:
                del self._backlogs[feed]
        return offset <= end
