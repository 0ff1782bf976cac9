"""The feeds that this process serves, each with its head in this process."""

from __future__ import annotations

from dataclasses import dataclass

from feeds.core.hub import Hub
from feeds.core.start import is_rolled_back
from feeds.core.stream import Stream
from feeds.making.catalog import Catalog, KnownFeed


@dataclass(frozen=True, slots=True)
class LiveFeed:
    """One feed in this process: its state in the database, and its stream."""

    known: KnownFeed
    stream: Stream

    @property
    def head(self) -> int:
        """The last offset that this process has sent."""
        return self.stream.head

    @property
    def end(self) -> int:
        """The last offset that is known to exist: promised, or already sent."""
        return max(self.known.promised, self.stream.head)

    def epoch_at(self, offset: int) -> str:
        """Return the epoch of *offset*, which may be in the future."""
        return self.known.epoch_at(offset)

    def is_rolled_back(self, offset: int, at: int | None) -> bool:
        """Tell whether the message at *offset*, due *at*, has been rolled back since."""
        return is_rolled_back(self.known.schedule.at, self.end, offset, at)


class LiveFeeds:
    """The feeds of a catalog that have a stream in a hub."""

    def __init__(self, catalog: Catalog, hub: Hub) -> None:
        self._catalog = catalog
        self._hub = hub

    def get(self, name: str) -> LiveFeed | None:
        """Return the feed *name*, even if it was removed; None if it is unknown here."""
        known, stream = self._catalog.feeds.get(name), self._hub.streams.get(name)
        return None if known is None or stream is None else LiveFeed(known, stream)

    def __getitem__(self, name: str) -> LiveFeed:
        """Return the feed *name*; raises KeyError if it is unknown here."""
        return LiveFeed(self._catalog.feeds[name], self._hub.streams[name])

    def names(self) -> list[str]:
        """Return the names of the feeds that were not removed, sorted."""
        return sorted(name for name, feed in self._catalog.feeds.items() if not feed.removed)
