"""The readers of a hub: a subscriber, its writer, and its cohort."""

from __future__ import annotations

from array import array
from typing import Protocol

from feeds.core.form import PROTOCOL, Form, Reframe


class Pass(Protocol):
    """A function that writes the same frames to many sockets without blocking."""

    def __call__(self, sockets: array[int], frames: bytes, /) -> list[tuple[int, int]]:
        """
        Write *frames* to each of *sockets*, which are non-blocking descriptors.

        Returns the index of each socket that did not accept everything, with the number
        of bytes it accepted: 0 for a descriptor that is not an open socket.
        """


class Writer(Protocol):
    """The destination of one subscriber's frames."""

    @property
    def descriptor(self) -> int:
        """
        The number of the socket, for the pass over a cohort; -1 if there is none.

        Members of a cohort have no unsent bytes: one that has some, or whose socket
        is closed, is removed at once by `Hub.held`. Bytes that a socket did not
        accept in the pass go to `write`.
        """

    def write(self, frames: bytes) -> bool:
        """
        Accept whole frames, or the rest of some; they are sent in the order of the calls.

        Returns False if some bytes are still unsent: the hub then writes nothing
        more from the streams until `Hub.drained` is called for the subscriber.
        The only method of the hub it may call is `Hub.held`.
        """


class Subscriber:
    """One reader of one or more feeds."""

    __slots__ = ("blocked", "cohort", "cursors", "form", "queued", "recovering", "unsent", "writer")

    def __init__(self, writer: Writer, cursors: dict[str, int], form: Form = PROTOCOL) -> None:
        self.writer = writer
        self.form = form
        self.cursors = cursors
        """The last offset written of each feed; the feed to serve next comes first."""
        self.unsent = sum(cursors.values())
        """The part of the cursors' sum that counts no written messages: the start, and gaps."""
        self.cohort: Cohort | None = None
        self.blocked = False
        """Whether the writer has unsent bytes."""
        self.queued = False
        """Whether it is in the hub's queue."""
        self.recovering = ""
        """The feed whose frames, older than the recent past, are being regenerated."""


class Cohort:
    """Subscribers with the same feeds, framing and offsets."""

    __slots__ = ("_sockets", "cursors", "members", "reframe")

    def __init__(self, cursors: dict[str, int], reframe: Reframe | None = None) -> None:
        self.cursors = cursors
        self.reframe = reframe
        self.members: dict[Subscriber, None] = {}
        """In the order in which they joined."""
        self._sockets: array[int] | None = None
        """The members' descriptors, in their order; None after a member joined or left."""

    def join(self, subscriber: Subscriber) -> None:
        """Add a subscriber, whose cursors must equal the cohort's."""
        self.members[subscriber] = None
        subscriber.cohort, self._sockets = self, None

    def leave(self, subscriber: Subscriber) -> None:
        """Remove a member and give it cursors of its own."""
        del self.members[subscriber]
        subscriber.cohort, self._sockets = None, None
        subscriber.cursors = dict(self.cursors)

    def write(self, frames: bytes, pass_: Pass) -> list[Subscriber]:
        """Write to every member; return the members that did not accept everything."""
        if self._sockets is None:
            self._sockets = array("i", [member.writer.descriptor for member in self.members])
        short = pass_(self._sockets, frames)
        if not short:
            return []
        members = list(self.members)
        return [members[at] for at, sent in short if not members[at].writer.write(frames[sent:])]
