"""The client's side of the protocol, frame by frame."""

import pytest

from clientapp.core.protocol import (
    HISTORY,
    STALLED_HEARTBEATS,
    UNANNOUNCED,
    ClientProtocol,
    Duplicate,
)
from clientapp.core.session import Session
from clientapp.wire.errors import MalformedMessage
from clientapp.wire.from_server import Farewell, Gap, Heartbeat
from clientapp.wire.message import Message
from clientapp.wire.position import Position
from clientapp.wire.welcome import FeedState, Welcome

OLD, NEW = "0123456789ab", "ba9876543210"
SESSION = Session(
    client="alice",
    session="a-key-of-a-session",
    url="ws://127.0.0.1/",
    feeds=("users", "arrays"),
    block_size=2,
)


def welcome(offset: int = 4, *, epoch: str = OLD) -> Welcome:
    """Return a welcome whose feeds are at *offset*."""
    state = FeedState(epoch=epoch, offset=offset, rate=1.0, running=True, fields=())
    return Welcome(
        session=SESSION.session,
        feeds={"users": state, "arrays": state},
        blocks=0,
        limits={},
        heartbeat=5.0,
    )


def message(offset: int, feed: str = "users") -> Message:
    """Return a message."""
    return Message(feed, offset, 0, None, crc=offset)


def gap(first: int, last: int, *, epoch: str = NEW, cause: str = "epoch") -> Gap:
    """Return a gap in users."""
    return Gap(feed="users", first=first, last=last, epoch=epoch, cause=cause)


@pytest.fixture
def protocol() -> ClientProtocol:
    """Return a protocol that was welcomed at offset 4 of both feeds."""
    protocol = ClientProtocol(SESSION)
    protocol.connect()
    protocol.receive(welcome())
    return protocol


def test_first_request_has_no_position() -> None:
    """A new session asks for no earlier messages."""
    request = ClientProtocol(SESSION).connect()
    assert (request.session, request.after) == (SESSION.session, {})


def test_messages_move_the_cursor(protocol: ClientProtocol) -> None:
    """The next connection asks for what follows the last message of each feed."""
    assert protocol.receive(message(5)) == [message(5)]
    assert protocol.connect().after == {"users": Position(OLD, 5, 0), "arrays": Position(OLD, 4)}


def test_welcome_does_not_move_a_cursor(protocol: ClientProtocol) -> None:
    """The client's own messages determine its position, not the offset of the welcome."""
    protocol.receive(message(5))
    protocol.connect()
    protocol.receive(welcome(offset=2))
    assert protocol.receive(message(5)) == [Duplicate("users", 5, crc=5)]
    assert protocol.receive(message(6)) == [message(6)]


def test_skipped_offsets_are_a_gap(protocol: ClientProtocol) -> None:
    """Skipped offsets are reported as a gap before the message."""
    expected = [gap(5, 6, epoch=OLD, cause=UNANNOUNCED), message(7)]
    assert protocol.receive(message(7)) == expected


def test_gap_moves_the_cursor_to_its_epoch(protocol: ClientProtocol) -> None:
    """After a gap the feed continues in the new epoch without a jump."""
    assert protocol.receive(gap(5, 9)) == [gap(5, 9)]
    assert protocol.receive(message(10)) == [message(10)]
    assert protocol.positions["users"] == Position(NEW, 10, 0)


def test_repeated_gap_is_ignored(protocol: ClientProtocol) -> None:
    """A gap that arrives again is ignored."""
    protocol.receive(gap(5, 9))
    assert protocol.receive(gap(5, 9)) == []


def test_offsets_skipped_before_a_gap_are_a_gap(protocol: ClientProtocol) -> None:
    """Offsets that are missing before an announced gap are reported as a gap of their own."""
    expected = [gap(5, 6, epoch=OLD, cause=UNANNOUNCED), gap(7, 9)]
    assert protocol.receive(gap(7, 9)) == expected


def test_offsets_may_restart_in_a_new_epoch(protocol: ClientProtocol) -> None:
    """Lower offsets of a new epoch are not duplicates."""
    protocol.receive(gap(1, 0))
    assert protocol.receive(message(1)) == [message(1)]


@pytest.mark.parametrize(("offset", "first", "last"), [(5, 5, 4), (8, 5, 7), (2, 2, 1)])
def test_unannounced_epoch_is_a_gap(offset: int, first: int, last: int) -> None:
    """An epoch that changes without an announcement is reported as a gap."""
    protocol = ClientProtocol(SESSION, {"users": Position(OLD, 4)})
    protocol.connect()
    protocol.receive(welcome(epoch=NEW))
    expected = [gap(first, last, cause=UNANNOUNCED), message(offset)]
    assert protocol.receive(message(offset)) == expected


@pytest.mark.parametrize("epoch", ["", OLD])
def test_epoch_may_change_before_the_first_message(epoch: str) -> None:
    """If the epoch changes before the first message of a feed, nothing was missed."""
    protocol = ClientProtocol(SESSION)
    protocol.connect()
    protocol.receive(welcome(offset=0, epoch=epoch))
    after = protocol.connect().after
    protocol.receive(welcome(offset=0, epoch=NEW))
    assert protocol.receive(message(1)) == [message(1)]
    assert after == ({"users": Position(OLD, 0), "arrays": Position(OLD, 0)} if epoch else {})


@pytest.mark.parametrize(("first", "last"), [(3, 9), (5, 9)])
def test_gap_excludes_received_offsets(protocol: ClientProtocol, first: int, last: int) -> None:
    """A gap covers only offsets that the client does not have."""
    assert protocol.receive(gap(first, last)) == [gap(5, 9)]


def test_welcome_proves_nothing() -> None:
    """A welcome does not prove that the connection works; the first frame after it does."""
    protocol = ClientProtocol(SESSION)
    protocol.connect()
    protocol.receive(welcome())
    before = protocol.proven
    protocol.receive(Heartbeat(now=0, heads={}))
    assert (before, protocol.proven) == (False, True)


def beat(head: int) -> Heartbeat:
    """Return a heartbeat with *head* as the head of users."""
    return Heartbeat(now=0, heads={"users": head, "arrays": 4})


def test_heads_are_those_of_the_last_heartbeat(protocol: ClientProtocol) -> None:
    """Heads survive a connection; feeds that were not requested are left out."""
    assert protocol.heads == {}
    protocol.receive(beat(100))
    protocol.receive(Heartbeat(now=0, heads={"users": 7, "other": 9}))
    protocol.connect()
    assert protocol.heads == {"users": 7, "arrays": 0}


def test_a_slow_feed_is_not_stalled(protocol: ClientProtocol) -> None:
    """A client that receives messages between heartbeats is only behind and stays connected."""
    for offset in range(5, 5 + 3 * STALLED_HEARTBEATS):
        protocol.receive(beat(100))
        protocol.receive(message(offset))
    for _ in range(3 * STALLED_HEARTBEATS):
        protocol.receive(beat(offset))


def test_retry_after_applies_to_one_connection(protocol: ClientProtocol) -> None:
    """The pause that a bye asks for applies until the next connection."""
    protocol.receive(Farewell(code=4001, reason="", retry_after=2.5))
    before = protocol.retry_after
    protocol.connect()
    assert (before, protocol.retry_after) == (2.5, 0.0)


def test_message_before_the_welcome_is_an_error() -> None:
    """A server that starts with a message breaks the protocol."""
    protocol = ClientProtocol(SESSION)
    protocol.connect()
    with pytest.raises(MalformedMessage, match="the first frame is not a welcome"):
        protocol.receive(message(1))


def test_message_of_another_feed_is_an_error(protocol: ClientProtocol) -> None:
    """A message of a feed that was not requested breaks the protocol."""
    with pytest.raises(MalformedMessage, match="feed other was not requested"):
        protocol.receive(message(1, "other"))


def test_welcome_without_a_feed_is_an_error() -> None:
    """A welcome that omits a requested feed breaks the protocol."""
    half = welcome()
    protocol = ClientProtocol(SESSION)
    protocol.connect()
    with pytest.raises(MalformedMessage, match="does not mention feed arrays"):
        protocol.receive(
            Welcome(
                session=half.session,
                feeds={"users": half.feeds["users"]},
                blocks=0,
                limits={},
                heartbeat=5.0,
            )
        )


def test_lost_tail_is_noticed(protocol: ClientProtocol) -> None:
    """If heartbeats name a later head and nothing arrives, the client closes the connection."""
    beat = Heartbeat(now=1, heads={"users": 6, "arrays": 0, "others": 99})
    protocol.receive(message(5))
    for _ in range(STALLED_HEARTBEATS):
        assert protocol.receive(beat) == [beat]
    protocol.receive(message(6))
    protocol.receive(beat)
    behind = Heartbeat(now=1, heads={"users": 9})
    for offset in (7, 8):
        for _ in range(STALLED_HEARTBEATS):
            protocol.receive(behind)
        protocol.receive(message(offset))
    for _ in range(STALLED_HEARTBEATS):
        protocol.receive(behind)
    with pytest.raises(MalformedMessage, match="after 8, but the feed is at 9"):
        protocol.receive(behind)
    protocol.connect()
    protocol.receive(welcome())
    assert protocol.receive(behind) == [behind]


def test_rollback_moves_the_cursor_back(protocol: ClientProtocol) -> None:
    """After a gap with the cause history, the same offsets are new messages."""
    for offset in (5, 6, 7):
        protocol.receive(message(offset))
    back = gap(6, 5, epoch=OLD, cause=HISTORY)
    assert protocol.receive(back) == [back]
    assert protocol.positions["users"] == Position(OLD, 5)
    assert protocol.receive(message(6)) == [message(6)]


def test_rollback_to_a_later_offset_names_what_is_missing(protocol: ClientProtocol) -> None:
    """If the new history is further ahead, the gap spans the offsets in between."""
    protocol.receive(message(5))
    ahead = gap(6, 9, epoch=OLD, cause=HISTORY)
    assert protocol.receive(ahead) == [ahead]
    assert protocol.receive(message(10)) == [message(10)]


def test_message_taken_back_is_requested_again(protocol: ClientProtocol) -> None:
    """A message that is taken back is new again, and the gap before it is reported once."""
    assert protocol.receive(message(8)) == [gap(5, 7, epoch=OLD, cause=UNANNOUNCED), message(8)]
    protocol.take_back(message(8))
    assert protocol.connect().after["users"] == Position(OLD, 7)
    protocol.receive(welcome(7))
    assert protocol.receive(message(8)) == [message(8)]
    assert protocol.receive(message(9)) == [message(9)]


def test_first_message_of_an_epoch_can_be_taken_back(protocol: ClientProtocol) -> None:
    """The first message of an epoch is requested again in that epoch, even at a lower offset."""
    protocol.receive(gap(1, 0))
    protocol.receive(message(1))
    protocol.take_back(message(1))
    assert protocol.positions["users"] == Position(NEW, 0)
