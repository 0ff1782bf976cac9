"""
The bounded recent past of one feed in one process, framed once.

A reader only needs its offset: `after` returns the bytes that follow it. The
joined frames of the last range are cached, because a whole cohort and then the
next one request the same range. The same is done for each form with frames of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from feeds.core.form import Reframe

_NOTHING_JOINED = (-1, 0, 0, b"")


class Stream:
    """The recent frames of a feed, from offset ``first`` to ``head``."""

    def __init__(self, head: int, *, most_messages: int, most_bytes: int) -> None:
        self._frames: list[bytes] = []
        self._held = 0
        self._bytes = 0
        self._most_messages = most_messages
        self._most_bytes = most_bytes
        self._joined = _NOTHING_JOINED
        self._reframed: dict[Reframe, tuple[bytes, bytes]] = {}
        """The range joined last and its frames, for each form with frames of its own."""
        self.head = head
        """The last offset appended; everything up to it exists."""

    @property
    def first(self) -> int:
        """The oldest offset held; ``head + 1`` if none is."""
        return self.head - self._held + 1

    def append(self, first: int, frames: Sequence[bytes]) -> None:
        """
        Append the frames of the offsets from *first* on.

        *first* must follow the head, since a stream has no hole; otherwise raises
        ValueError.
        """
        if first != self.head + 1:
            raise ValueError(f"offset {first} does not follow {self.head}")
        self._frames += frames
        self._held += len(frames)
        self._bytes += sum(map(len, frames))
        self.head += len(frames)
        self._trim()

    def prepend(self, first: int, frames: Sequence[bytes]) -> bool:
        """
        Insert the frames of the offsets from *first* on before the oldest held.

        Returns False, and inserts nothing, if they do not end there or exceed the
        bounds of the stream.
        """
        size = sum(map(len, frames))
        if (
            first + len(frames) != self.first
            or self._held + len(frames) > self._most_messages
            or self._bytes + size > self._most_bytes
        ):
            return False
        held = self._frames[len(self._frames) - self._held :]
        self._frames = [*frames, *held]
        self._held += len(frames)
        self._bytes += size
        return True

    def restart(self, head: int) -> None:
        """Discard everything and move to *head*, as after a long outage."""
        self._frames.clear()
        self._held = 0
        self._bytes = 0
        self._joined = _NOTHING_JOINED
        self._reframed.clear()
        self.head = head

    def after(self, offset: int, most_bytes: int) -> tuple[bytes, int]:
        """
        Return the frames after *offset*, joined, and the last one's offset.

        Returns at least one frame, and stops once *most_bytes* are reached. The
        caller must pass an *offset* of at least ``first - 1`` and below head.
        """
        start, most, last, joined = self._joined
        is_asked_again = (start, most) == (offset, most_bytes)
        if is_asked_again and (last == self.head or len(joined) >= most_bytes):
            return joined, last
        index = len(self._frames) - (self.head - offset)
        stop, size = index, 0
        while stop < len(self._frames) and size < most_bytes:
            size += len(self._frames[stop])
            stop += 1
        last = offset + stop - index
        joined = b"".join(self._frames[index:stop])
        self._joined = (offset, most_bytes, last, joined)
        return joined, last

    def framed_after(
        self, offset: int, most_bytes: int, reframe: Reframe | None
    ) -> tuple[bytes, int]:
        """Do the same as `after`, with frames converted by *reframe*, once per range."""
        joined, last = self.after(offset, most_bytes)
        if reframe is None:
            return joined, last
        made_of, frames = self._reframed.get(reframe, (b"", b""))
        if made_of is not joined:
            frames = reframe(joined)
            self._reframed[reframe] = (joined, frames)
        return frames, last

    def _trim(self) -> None:
        while self._held > self._most_messages or (
            self._bytes > self._most_bytes and self._held > 1
        ):
            self._bytes -= len(self._frames[-self._held])
            self._frames[-self._held] = b""
            self._held -= 1
        # The empty places are deleted in bulk: each single deletion costs O(n).
        if len(self._frames) > 2 * self._held + 64:
            del self._frames[: -self._held]
