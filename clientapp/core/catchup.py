"""
Which messages of a connection are caught up rather than live.

A client that comes back gets at once what it missed. Such blocks take next to
no time and their messages are late by the client's absence, so they say nothing
about the feed.
"""

from __future__ import annotations

from clientapp.wire.welcome import Welcome


class CatchUp:
    """
    The backlog of one connection, per feed.

    A message is caught up where its offset is at most the *head* that the
    welcome named, or became due while the client was still getting those.
    """

    def __init__(self) -> None:
        self._ends: dict[str, int] = {}
        """Per feed with a backlog, the last offset of it."""
        self._rates: dict[str, float] = {}
        self._since: dict[str, float] = {}

    def begin(self, welcome: Welcome, seconds: float) -> None:
        """Take the *welcome* of a new connection, received at *seconds*, monotonic."""
        behind = {name: feed for name, feed in welcome.feeds.items() if feed.head > feed.offset}
        self._ends = {name: feed.head for name, feed in behind.items()}
        self._rates = {name: feed.rate for name, feed in behind.items()}
        self._since = dict.fromkeys(behind, seconds)

    def takes(self, feed: str, offset: int, seconds: float) -> bool:
        """Tell whether the message at *offset*, received at *seconds*, is caught up."""
        end = self._ends.get(feed)
        if end is None:
            return False
        if offset >= end:
            # Meanwhile more became due, which waits behind the backlog as well.
            self._ends[feed] = end + int(self._rates[feed] * (seconds - self._since[feed]))
            self._since[feed] = seconds
            if offset >= self._ends[feed]:
                del self._ends[feed]
        return offset <= end
