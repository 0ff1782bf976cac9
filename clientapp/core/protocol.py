"""
The client's side of the protocol, without a socket.

It owns the cursor of each feed. Invariant: what `receive` returns has each
offset once and in order, or a gap in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..wire.errors import MalformedMessage
from ..wire.from_server import Ack, Control, Farewell, Gap, Heartbeat
from ..wire.message import Message
from ..wire.position import Position
from ..wire.request import Request
from ..wire.welcome import Welcome
from .session import Session

UNANNOUNCED = "unannounced"
"""The cause of a gap that the server did not say, but the client saw."""

STALLED_HEARTBEATS = 3
"""After so many heartbeats that name a later end of a feed, what did not come
is lost on the way, and a new connection asks for it again."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A message that came again, or after a later one, and is dropped."""

    feed: str
    offset: int
    crc: int
    """The CRC-32 of its line."""


class ClientProtocol:
    """
    The cursors of one session.

    Without *positions* it asks for messages from the offset *first* on; None:
    for the next new ones.
    """

    def __init__(
        self,
        session: Session,
        positions: Mapping[str, Position] | None = None,
        *,
        first: int | None = None,
    ) -> None:
        self._session = session
        self._first = first
        self._positions = dict(positions or {})
        # Messages do not name their epoch: the welcome does, and gaps after it.
        self._epochs: dict[str, str] = {}
        self._stalls: dict[str, tuple[int, int]] = {}
        """Per feed that is behind the server: where, and for how many heartbeats."""
        self.heads: Mapping[str, int] = {}
        """How far the last heartbeat said each feed to be; it outlives connections."""
        self.welcome: Welcome | None = None
        """What the server said first on this connection; None until then."""
        self.farewell: Farewell | None = None
        """What the server said last on this connection; None until then."""
        self.proven = False
        """Whether the server did more on this connection than to accept it."""

    @property
    def positions(self) -> Mapping[str, Position]:
        """A copy of where each feed stands; a feed never heard of is absent."""
        return dict(self._positions)

    @property
    def retry_after(self) -> float:
        """Seconds that the server's bye asks to wait at least; else 0."""
        return 0.0 if self.farewell is None else self.farewell.retry_after

    def epoch(self, feed: str) -> str:
        """Return the epoch of the last message or gap of *feed*."""
        return self._positions[feed].epoch

    def connect(self) -> Request:
        """Forget the last connection; return what the next one asks for."""
        self.welcome = self.farewell = None
        self.proven = False
        self._stalls.clear()
        # A feed that cannot run yet has no epoch to ask for.
        after = {feed: at for feed, at in self._positions.items() if at.epoch}
        return self._session.request(after, first=None if self._positions else self._first)

    def take_back(self, message: Message) -> None:
        """Ask for *message* again, which `receive` returned last: it cannot be kept."""
        # What was missed before it was told in a gap, so it is not told again.
        at = self._positions[message.feed]
        self._positions[message.feed] = Position(at.epoch, message.offset - 1)

    def receive(self, frame: Message | Control) -> list[Message | Control | Duplicate]:
        """
        Take one frame; return what it means to the caller, in order.

        A message is returned only if it is new; a jump in the offsets is
        returned as a `Gap` before the message. Raises MalformedMessage if the
        server breaks the protocol.
        """
        if self.welcome is None and isinstance(frame, Message | Gap | Ack | Heartbeat):
            raise MalformedMessage("the first frame is not a welcome")
        match frame:
            case Message():
                return self._message(frame)
            case Gap():
                return self._gap(frame)
            case Welcome():
                self._welcome(frame)
            case Heartbeat():
                self._heartbeat(frame)
            case Farewell():
                self.farewell = frame
        return [frame]

    def _welcome(self, welcome: Welcome) -> None:
        missing = set(self._session.feeds) - set(welcome.feeds)
        if missing:
            raise MalformedMessage(f"the welcome says nothing of feed {min(missing)}")
        self.welcome = welcome
        for feed in self._session.feeds:
            state = welcome.feeds[feed]
            self._epochs[feed] = state.epoch
            at = self._positions.get(feed)
            # Before the first message of a feed there is nothing to be missed.
            if at is None or (at.offset == 0 and at.epoch != state.epoch):
                self._positions[feed] = Position(state.epoch, state.offset)

    def _message(self, message: Message) -> list[Message | Control | Duplicate]:
        self.proven = True
        at = self._position(message.feed)
        epoch = self._epochs[message.feed]
        if epoch == at.epoch and message.offset <= at.offset:
            return [Duplicate(message.feed, message.offset, message.crc)]
        self._positions[message.feed] = Position(epoch, message.offset)
        if epoch == at.epoch and message.offset == at.offset + 1:
            return [message]
        return [_jump(message.feed, at, Position(epoch, message.offset - 1)), message]

    def _gap(self, gap: Gap) -> list[Message | Control | Duplicate]:
        at = self._position(gap.feed)
        self._epochs[gap.feed] = gap.epoch
        if gap.epoch == at.epoch and gap.last <= at.offset:
            return []
        self._positions[gap.feed] = Position(gap.epoch, gap.last)
        if gap.first > at.offset + 1 and gap.last >= gap.first - 1:
            return [_jump(gap.feed, at, Position(at.epoch, gap.first - 1)), gap]
        # What is here already is not missing, wherever the server begins to count.
        return [replace(gap, first=min(at.offset, gap.last) + 1)]

    def _heartbeat(self, beat: Heartbeat) -> None:
        self.proven = True
        self.heads = {feed: beat.heads.get(feed, 0) for feed in self._session.feeds}
        stalls = {}
        for feed in self._session.feeds:
            at, head = self._positions[feed].offset, self.heads[feed]
            if at < head:
                before, beats = self._stalls.get(feed, (at, 0))
                stalls[feed] = (at, beats + 1 if before == at else 1)
                if stalls[feed][1] > STALLED_HEARTBEATS:
                    raise MalformedMessage(f"nothing of {feed} came after {at}; it ends at {head}")
        self._stalls = stalls

    def _position(self, feed: str) -> Position:
        if feed not in self._session.feeds:
            raise MalformedMessage(f"feed {feed} was not asked for")
        return self._positions[feed]


def _jump(feed: str, at: Position, to: Position) -> Gap:
    # In a new epoch offsets may start lower; then nothing is known to be missing.
    first = min(at.offset, to.offset) + 1
    return Gap(feed=feed, first=first, last=to.offset, epoch=to.epoch, cause=UNANNOUNCED)
