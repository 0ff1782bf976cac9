"""Who reads a hub: one subscriber, the writer it has, and the cohort it is in."""

from __future__ import annotations

from typing import Protocol


class Writer(Protocol):
    """Where the frames of one subscriber go."""

    def write(self, frames: bytes) -> bool:
        """
        Take whole frames; they are sent in the order of the calls.

        Returns False when not all has left: then the hub takes nothing more
        from the streams until `Hub.drained` is called for the subscriber.
        It must not call the hub.
        """


class Subscriber:
    """One reader of some feeds."""

    __slots__ = ("blocked", "cohort", "cursors", "queued", "recovering", "writer")

    def __init__(self, writer: Writer, cursors: dict[str, int]) -> None:
        self.writer = writer
        self.cursors = cursors
        """Per feed the last offset written; the feed whose turn is next comes first."""
        self.cohort: Cohort | None = None
        self.blocked = False
        """Whether the writer still holds bytes back."""
        self.queued = False
        """Whether a turn is due."""
        self.recovering = False
        """Whether frames older than the recent past are being made."""


class Cohort:
    """Subscribers of the same feeds that stand at the same offsets."""

    __slots__ = ("cursors", "members")

    def __init__(self, cursors: dict[str, int]) -> None:
        self.cursors = cursors
        self.members: set[Subscriber] = set()

    def write(self, frames: bytes) -> list[Subscriber]:
        """Write to every member; return those that could not take it all."""
        return [member for member in self.members if not member.writer.write(frames)]
