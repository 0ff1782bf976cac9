"""
The client's side of the protocol, without a socket.

It owns the cursor of each feed. Invariant: `receive` returns each offset once
and in order, or a gap in its place.
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

HISTORY = "history"
"""The cause of a gap after which offsets may arrive again, with other messages."""
UNANNOUNCED = "unannounced"
"""The cause of a gap that the client detected and the server did not announce."""

STALLED_HEARTBEATS = 3
"""If this many heartbeats name a later head of a feed but no message of it arrives, the
messages were lost on the way; a new connection requests them again."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A message that arrived again, or after a later one, and is dropped."""

    feed: str
    offset: int
    crc: int
    """The CRC-32 of its line."""


class ClientProtocol:
    """
    The cursors of one session.

    Without *positions* it requests the messages from offset *first* on; if that
    is None, the next new ones.
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
        # Messages do not contain their epoch; the welcome and later gaps name it.
        self._epochs: dict[str, str] = {}
        self._stalls: dict[str, tuple[int, int]] = {}
        """For each feed behind the server: its offset, and the heartbeats since it rose."""
        self.heads: Mapping[str, int] = {}
        """The head of each feed in the last heartbeat; kept across connections."""
        self.welcome: Welcome | None = None
        """The server's welcome on this connection; None until it arrives."""
        self.farewell: Farewell | None = None
        """The server's bye on this connection; None until it arrives."""
        self.proven = False
        """Whether a message or heartbeat has arrived on this connection."""

    @property
    def positions(self) -> Mapping[str, Position]:
        """A copy of the position of each feed; a feed without one is absent."""
        return dict(self._positions)

    @property
    def retry_after(self) -> float:
        """The least seconds to wait according to the server's bye; 0 without one."""
        return 0.0 if self.farewell is None else self.farewell.retry_after

    def epoch(self, feed: str) -> str:
        """Return the epoch of the last message or gap of *feed*."""
        return self._positions[feed].epoch

    def connect(self) -> Request:
        """Forget the last connection; return the request for the next one."""
        self.welcome = self.farewell = None
        self.proven = False
        self._stalls.clear()
        # A feed that cannot run yet has no epoch to request.
        after = {feed: at for feed, at in self._positions.items() if at.epoch}
        return self._session.request(after, first=None if self._positions else self._first)

    def take_back(self, message: Message) -> None:
        """Undo the receipt of *message*, the last one returned, so that it is requested again."""
        # A gap before the message was reported already, so it is not reported again.
        at = self._positions[message.feed]
        self._positions[message.feed] = Position(at.epoch, message.offset - 1)

    def receive(self, frame: Message | Control) -> list[Message | Control | Duplicate]:
        """
        Process one frame; return the results for the caller to handle, in order.

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
            raise MalformedMessage(f"the welcome does not mention feed {min(missing)}")
        self.welcome = welcome
        for feed in self._session.feeds:
            state = welcome.feeds[feed]
            self._epochs[feed] = state.epoch
            at = self._positions.get(feed)
            # Before the first message of a feed nothing can be missing.
            if at is None or (at.offset == 0 and at.epoch != state.epoch):
                self._positions[feed] = Position(state.epoch, state.offset)

    def _message(self, message: Message) -> list[Message | Control | Duplicate]:
        self.proven = True
        at = self._position(message.feed)
        epoch = self._epochs[message.feed]
        if epoch == at.epoch and message.offset <= at.offset:
            return [Duplicate(message.feed, message.offset, message.crc)]
        self._positions[message.feed] = Position(epoch, message.offset, message.at)
        if epoch == at.epoch and message.offset == at.offset + 1:
            return [message]
        return [_jump(message.feed, at, Position(epoch, message.offset - 1)), message]

    def _gap(self, gap: Gap) -> list[Message | Control | Duplicate]:
        at = self._position(gap.feed)
        self._epochs[gap.feed] = gap.epoch
        if gap.epoch == at.epoch and gap.last <= at.offset and gap.cause != HISTORY:
            return []
        self._positions[gap.feed] = Position(gap.epoch, gap.last)
        if gap.first > at.offset + 1 and gap.last >= gap.first - 1:
            return [_jump(gap.feed, at, Position(at.epoch, gap.first - 1)), gap]
        # Messages received already are not missing, wherever the server's gap begins.
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
                    raise MalformedMessage(
                        f"no message of {feed} arrived after {at}, but the feed is at {head}"
                    )
        self._stalls = stalls

    def _position(self, feed: str) -> Position:
        if feed not in self._session.feeds:
            raise MalformedMessage(f"feed {feed} was not requested")
        return self._positions[feed]


def _jump(feed: str, at: Position, to: Position) -> Gap:
    # In a new epoch offsets may start lower; then no offset is known to be missing.
    first = min(at.offset, to.offset) + 1
    return Gap(feed=feed, first=first, last=to.offset, epoch=to.epoch, cause=UNANNOUNCED)
