"""Good block logs made by the client's own parts, and damaged ones with valid checksums."""

import re
import zlib
from collections.abc import Iterable
from dataclasses import replace

from clientapp.core.block import BlockBuilder
from clientapp.core.protocol import ClientProtocol
from clientapp.core.session import Session
from clientapp.core.stamp import Stamp
from clientapp.log.format import format_block, format_gap, format_message, format_session
from clientapp.wire.from_server import Gap
from clientapp.wire.message import Message
from clientapp.wire.welcome import FeedState, Welcome

OLD, NEW = "0123456789ab", "ba9876543210"
STARTED_US = 1_795_250_000_000_000
"""The time of receipt of the first message in every log here."""
SERVER_STARTED_US = STARTED_US
"""The same time by the server's clock."""
LATE_US = 2000
"""The delay of every message, if none is lost and feeds are not mixed."""
ALICE = Session(
    client="alice",
    session="first-session-key",
    url="ws://127.0.0.1:8000/",
    feeds=("users", "arrays"),
    block_size=4,
    select=("name",),
)
BOB = replace(ALICE, client="bob", session="second-session-key", block_size=3, select=())

Frame = Message | Gap


def users(first: int, last: int) -> list[Frame]:
    """Return messages of users."""
    return [Message("users", at, 0, {"name": f"Gödel {at}"}, at) for at in range(first, last + 1)]


def arrays(first: int, last: int) -> list[Frame]:
    """Return messages of arrays."""
    return [Message("arrays", at, 0, [at], at) for at in range(first, last + 1)]


def gap(first: int, last: int, epoch: str = OLD) -> Gap:
    """Return a gap in users."""
    return Gap(feed="users", first=first, last=last, epoch=epoch, cause="unavailable")


def session_log(session: Session, frames: Iterable[Frame], *, offset: int = 0) -> bytes:
    """
    Return the log of a client that receives *frames*, one per second.

    The client's feeds are at *offset* before the first frame. A message without an intended time
    gets one, as in a feed with one message a second.
    """
    state = FeedState(epoch=OLD, offset=offset, rate=1.0, running=True, fields=())
    protocol = ClientProtocol(session)
    protocol.connect()
    protocol.receive(
        Welcome(
            session=session.session,
            feeds=dict.fromkeys(session.feeds, state),
            blocks=0,
            limits={},
            heartbeat=5.0,
        )
    )
    builder = BlockBuilder(session, 1)
    builder.expect(dict.fromkeys(session.feeds, 1.0))
    text = format_session(session)
    for second, frame in enumerate(frames):
        stamp = Stamp(STARTED_US + second * 1_000_000, float(second))
        if isinstance(frame, Message) and not frame.at:
            due = SERVER_STARTED_US - LATE_US + (frame.offset - 1) * 1_000_000
            frame = replace(frame, at=due)  # noqa: PLW2901
        for meaning in protocol.receive(frame):
            match meaning:
                case Gap():
                    builder.add_gap(meaning, format_gap(meaning))
                case Message(feed=feed, data=data):
                    line = format_message(meaning, data, stamp)
                    builder.add(meaning, protocol.epoch(feed), stamp, line)
        if builder.is_full:
            text += b"\n" + format_block(builder.finish(protocol.positions))
    return text


def judged(log: bytes, verdict: str = "verified", **others: str) -> bytes:
    """Return *log* with *verdict* for each block; ``block_2=...`` gives block 2 another one."""

    def found(end: re.Match[bytes]) -> bytes:
        word = others.get(f"block_{int(end[1])}", verdict)
        return end[0] + f"=== verdict of block {int(end[1])}: {word}\n".encode()

    return re.sub(rb"=== end of block (\d+):.*\n", found, log)


def good_log() -> bytes:
    """Return a log with two sessions, gaps, and a change of epoch inside a block."""
    first = [
        *users(8, 9),
        *arrays(8, 8),
        *users(10, 10),
        gap(11, 13),
        *users(14, 14),
        gap(15, 14, NEW),
        *users(15, 16),
        *arrays(9, 13),
    ]
    second = [*users(17, 18), *arrays(14, 14), *users(19, 20), gap(21, 22), *arrays(15, 15)]
    return session_log(ALICE, first, offset=7) + b"\n" + session_log(BOB, second, offset=13)


def seal(log: bytes) -> bytes:
    """Return *log* with checksums that match its present contents."""
    log = re.sub(
        rb"^(# session )(\{.*\}) crc32 [0-9a-f]{8}$",
        lambda found: b"%b%b crc32 %08x" % (found[1], found[2], zlib.crc32(found[2])),
        log,
        flags=re.MULTILINE,
    )
    return re.sub(
        rb"^(=== block .*?\n)(=== end of block [^\n]*, crc32 )[0-9a-f]{8}$",
        lambda found: b"%b%b%08x" % (found[1], found[2], zlib.crc32(found[1])),
        log,
        flags=re.MULTILINE | re.DOTALL,
    )
