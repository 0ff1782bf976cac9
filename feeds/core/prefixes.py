"""
Digests of a feed's recent past: one number for each offset.

They are small, so they reach back further than the frames of a `Stream`. Most
reports are checked without regenerating a message.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from zlib import crc32

from clientapp.wire import digest


class Prefixes:
    """The digests of a feed from one offset up to each later one."""

    def __init__(self, head: int, most: int) -> None:
        """Start after offset *head*; keep at least *most* offsets."""
        self._most = most
        self.restart(head)

    @property
    def head(self) -> int:
        """The last offset with a digest."""
        return self._before + len(self._values) - 1

    def restart(self, head: int) -> None:
        """Discard everything and start again after offset *head*."""
        self._before = head
        self._values = array("Q", [digest.EMPTY])

    def extend(self, lines: Iterable[bytes]) -> None:
        """Add the lines of the next offsets."""
        prefix = self._values[-1]
        for line in lines:
            prefix = digest.extend(prefix, crc32(line))
            self._values.append(prefix)
        # Trim in bulk: each single deletion costs O(n).
        if len(self._values) > 2 * self._most + 1:
            surplus = len(self._values) - self._most - 1
            del self._values[:surplus]
            self._before += surplus

    def between(self, first: int, last: int) -> int | None:
        """Return the digest of the offsets *first* to *last*; None: unknown."""
        if not self._before < first <= last + 1 or last > self.head:
            return None
        before = self._values[first - 1 - self._before]
        return digest.between(before, self._values[last - self._before], last - first + 1)


class RecentDigests:
    """The digests of every feed that passes through a process."""

    def __init__(self, most: int) -> None:
        """Keep at least the last *most* offsets of each feed."""
        self._most = most
        self._feeds: dict[str, Prefixes] = {}

    def extend(self, feed: str, first: int, lines: Sequence[bytes]) -> None:
        """Add the lines of *feed* from *first* on; start again after a hole."""
        known = self._feeds.get(feed)
        if known is None:
            known = self._feeds[feed] = Prefixes(first - 1, self._most)
        elif known.head != first - 1:
            known.restart(first - 1)
        known.extend(lines)

    def forget(self, feed: str) -> None:
        """Discard the digests of *feed*."""
        self._feeds.pop(feed, None)

    def between(self, feed: str, first: int, last: int) -> int | None:
        """Return the digest of the offsets *first* to *last* of *feed*; None: unknown."""
        known = self._feeds.get(feed)
        return known.between(first, last) if known else None
