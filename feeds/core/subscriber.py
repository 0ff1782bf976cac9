"""Who reads a hub: one subscriber, the writer it has, and the cohort it is in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Writer(Protocol):
    """Where the frames of one subscriber go."""

    @property
    def send(self) -> Callable[[bytes], int]:
        """
        Hand frames to the socket at once, and return how many bytes it took.

        For the loop of a cohort, whose members hold nothing back: who does is
        taken out, by `Hub.held`. What was not taken goes to `write`. Raises OSError.
        """

    def write(self, frames: bytes) -> bool:
        """
        Take whole frames, or the rest of some; they are sent in the order of the calls.

        Returns False when not all has left: then the hub takes nothing more
        from the streams until `Hub.drained` is called for the subscriber.
        Of the hub it may call `Hub.held` alone.
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
        self.members: dict[Subscriber, Callable[[bytes], int]] = {}
        """Each with the `Writer.send` of its writer."""

    def write(self, frames: bytes) -> list[Subscriber]:
        """Write to every member; return those that could not take it all."""
        size = len(frames)
        short = []
        # All that is done for each client and message: what is added here costs everybody.
        for member, send in self.members.items():
            try:
                if (sent := send(frames)) == size:
                    continue
            except OSError:
                sent = 0
            short.append((member, sent))
        return [member for member, sent in short if not member.writer.write(frames[sent:])]
