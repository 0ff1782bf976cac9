"""
A hub's writer that checks what it receives.

Frames are ``FEED OFFSET`` for a message, ``!`` for a control, and ``gap FEED FIRST LAST`` for
offsets that will never come; the gap of a rollback is JSON. Messages of the form `MARKED` start
with a mark.
"""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass
from itertools import count
from typing import ClassVar
from weakref import WeakValueDictionary

from feeds.core.form import PLAIN, PROTOCOL, Form
from feeds.core.frames import frame, payloads
from feeds.core.limits import Limits
from feeds.core.subscriber import Subscriber

FEEDS = ("users", "arrays")
LIMITS = Limits(recent_messages=8, recent_bytes=120, write_bytes=60, cohort_size=2)
"""Small limits, so that there are several cohorts and the past is soon forgotten."""
CONTROL = frame(b"!")
MARK = "~"


def mark(frames: bytes) -> bytes:
    """Return *frames*, each with a mark."""
    return b"".join(frame(MARK.encode() + payload) for payload in payloads(frames))


MARKED = Form(name="marked", has_controls=False, reframe=mark)
"""A form with different frames."""
FORMS = (PROTOCOL, PLAIN, MARKED)


def message(feed: str, offset: int) -> bytes:
    """Return the frame at *offset*; its size depends on the offset."""
    return frame(b"%b %d %b" % (feed.encode(), offset, b"." * (offset * 7 % 11)))


def messages(feed: str, first: int, last: int) -> list[bytes]:
    """Return the frames of the offsets from *first* to *last*."""
    return [message(feed, offset) for offset in range(first, last + 1)]


def gap(feed: str, first: int, last: int) -> bytes:
    """Return the frame that says that *first* to *last* will never come."""
    return frame(b"gap %b %d %d" % (feed.encode(), first, last))


def pass_over(sockets: array[int], frames: bytes) -> list[tuple[int, int]]:
    """Pass *frames* to the slow writers of these descriptors, like a hub's ``Pass``."""
    sent = [(at, SlowWriter.all[socket].send(frames)) for at, socket in enumerate(sockets)]
    return [(at, size) for at, size in sent if size != len(frames)]


class SlowWriter:
    """A writer that fails on any byte other than the ones its reader needs next."""

    all: ClassVar[WeakValueDictionary[int, SlowWriter]] = WeakValueDictionary()
    """Writers by their descriptors, which no open file has."""
    _descriptors = count(1_000_000)

    def __init__(self, cursors: dict[str, int], form: Form = PROTOCOL) -> None:
        self.form = form
        self.descriptor = next(self._descriptors)
        self.all[self.descriptor] = self
        self.cursors = dict(cursors)
        """The last offset that arrived or that a gap skipped, for each feed."""
        self.controls = 0
        """The number of controls that arrived."""
        self.messages = 0
        """The number of messages that arrived."""
        self.is_slow = False
        """Whether the next write will hold bytes back."""
        self.is_holding = False
        """Whether bytes are held back."""
        self.is_recovering = False
        """Whether messages may arrive although bytes are held back."""
        self.is_closed = False
        """Whether nothing more may arrive."""
        self._begun = b""

    def send(self, frames: bytes) -> int:
        """Take *frames*; a slow writer takes half of their bytes."""
        assert frames
        assert not self.is_closed
        assert not self.is_holding
        assert not self._begun
        if not self.is_slow:
            self.write(frames)
            return len(frames)
        self._begun = frames[: len(frames) // 2]
        return len(self._begun)

    def write(self, frames: bytes) -> bool:
        """Take *frames* and check each."""
        assert frames
        assert not self.is_closed
        frames, self._begun = self._begun + frames, b""
        for payload in payloads(frames):
            self._take(payload)
        self.is_holding = self.is_holding or self.is_slow
        return not self.is_holding

    def drain(self) -> None:
        """Send all held bytes, and stop being slow."""
        self.is_slow = self.is_holding = False

    def _take(self, payload: bytes) -> None:
        text = payload.decode()
        if text.startswith("{"):
            self._roll_back(**json.loads(text))
            return
        assert text.startswith(MARK) == (self.form is MARKED)
        kind, *words = text.removeprefix(MARK).split(" ")
        match kind, words:
            case "!", []:
                assert self.form.has_controls
                self.controls += 1
            case "gap", [feed, first, last]:
                assert self.form.has_controls
                assert int(first) == self.cursors[feed] + 1
                self.cursors[feed] = int(last)
            case feed, [offset, _]:
                assert self.is_recovering or not self.is_holding
                assert int(offset) == self.cursors[feed] + 1
                self.cursors[feed] = int(offset)
                self.messages += 1

    def _roll_back(self, *, feed: str, first: int, last: int, cause: str, **_: str) -> None:
        assert self.form.has_controls
        assert cause == "history"
        assert first == min(self.cursors[feed], last) + 1
        self.cursors[feed] = last


@dataclass
class Reader:
    """A subscriber and its writer."""

    subscriber: Subscriber
    writer: SlowWriter
