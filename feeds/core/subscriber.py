"""Who reads a hub: one subscriber, the writer it has, and the cohort it is in."""

from __future__ import annotations

from array import array
from typing import Protocol

from feeds.core.form import PROTOCOL, Form, Reframe


class Pass(Protocol):
    """What gives the same frames to many sockets, waiting for none of them."""

    def __call__(self, sockets: array[int], frames: bytes, /) -> list[tuple[int, int]]:
        """
        Write *frames* to each of *sockets*, which are descriptors that do not block.

        Returns, for each that did not take all, its place among the sockets and how
        many bytes it took: 0 where there is no such socket.
        """


class Writer(Protocol):
    """Where the frames of one subscriber go."""

    @property
    def descriptor(self) -> int:
        """
        The number of the socket, for the pass over a cohort; -1 where there is none.

        The members of a cohort hold nothing back: who does, or whose socket is
        closed, is taken out at once, by `Hub.held`. What a socket did not take
        in the pass goes to `write`.
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

    __slots__ = ("blocked", "cohort", "cursors", "form", "queued", "recovering", "unsent", "writer")

    def __init__(self, writer: Writer, cursors: dict[str, int], form: Form = PROTOCOL) -> None:
        self.writer = writer
        self.form = form
        self.cursors = cursors
        """Per feed the last offset written; the feed whose turn is next comes first."""
        self.unsent = sum(cursors.values())
        """Of the sum of the cursors the offsets whose messages were not written to it."""
        self.cohort: Cohort | None = None
        self.blocked = False
        """Whether the writer still holds bytes back."""
        self.queued = False
        """Whether a turn is due."""
        self.recovering = False
        """Whether frames older than the recent past are being made."""


class Cohort:
    """Subscribers of the same feeds and framing that stand at the same offsets."""

    __slots__ = ("_sockets", "cursors", "members", "reframe")

    def __init__(self, cursors: dict[str, int], reframe: Reframe | None = None) -> None:
        self.cursors = cursors
        self.reframe = reframe
        self.members: dict[Subscriber, None] = {}
        """In the order in which they joined."""
        self._sockets: array[int] | None = None
        """Those of the members, in their order; None while somebody came or went."""

    def join(self, subscriber: Subscriber) -> None:
        """Take in a subscriber, which stands where this cohort does."""
        self.members[subscriber] = None
        subscriber.cohort, self._sockets = self, None

    def leave(self, subscriber: Subscriber) -> None:
        """Let a member go, with cursors of its own."""
        del self.members[subscriber]
        subscriber.cohort, self._sockets = None, None
        subscriber.cursors = dict(self.cursors)

    def write(self, frames: bytes, pass_: Pass) -> list[Subscriber]:
        """Write to every member; return those that could not take it all."""
        if self._sockets is None:
            self._sockets = array("i", [member.writer.descriptor for member in self.members])
        short = pass_(self._sockets, frames)
        if not short:
            return []
        members = list(self.members)
        return [members[at] for at, sent in short if not members[at].writer.write(frames[sent:])]
