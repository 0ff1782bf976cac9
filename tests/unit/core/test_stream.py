"""The recent past, compared with a list that keeps everything."""

import pytest
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from feeds.core.stream import Stream

MOST_MESSAGES = 9
MOST_BYTES = 40

frame_lists = st.lists(st.integers(1, 30), max_size=20)
"""Frames given by their sizes; some are larger than half of the limit."""


def open_stream() -> Stream:
    """Return a stream of three frames of five bytes."""
    stream = Stream(0, most_messages=MOST_MESSAGES, most_bytes=MOST_BYTES)
    stream.append(1, [b"11111", b"22222", b"33333"])
    return stream


def test_smaller_bound_returns_fewer_frames() -> None:
    """Frames joined for one bound are not returned for another bound."""
    stream = open_stream()

    assert stream.after(0, 100) == (b"111112222233333", 3)
    assert stream.after(0, 6) == (b"1111122222", 2)
    assert stream.after(0, 1) == (b"11111", 1)


def test_later_read_returns_more_frames() -> None:
    """Frames joined up to the head are joined again after the head has moved."""
    stream = open_stream()
    assert stream.after(1, 100) == (b"2222233333", 3)
    stream.append(4, [b"44444"])

    assert stream.after(1, 100) == (b"222223333344444", 4)


class StreamMachine(RuleBasedStateMachine):
    """A stream, next to a list of every frame since its last restart."""

    @initialize(head=st.integers(0, 1000))
    def open(self, head: int) -> None:
        """Open the stream at some head."""
        self.stream = Stream(head, most_messages=MOST_MESSAGES, most_bytes=MOST_BYTES)
        self.start = head
        self.all: list[bytes] = []

    @rule(sizes=frame_lists)
    def append(self, sizes: list[int]) -> None:
        """Append frames that differ by their offsets."""
        first = self.stream.head + 1
        frames = [b"%d" % (offset % 10) * size for offset, size in enumerate(sizes, first)]
        self.stream.append(first, frames)
        self.all += frames

    @rule(away=st.sampled_from([-3, -1, 1, 2]))
    def append_out_of_order(self, away: int) -> None:
        """Check that frames out of order are refused and change nothing."""
        with pytest.raises(ValueError, match="does not follow"):
            self.stream.append(self.stream.head + 1 + away, [b"x"])

    @precondition(lambda self: self.stream.first == self.start + 1)
    @rule(sizes=frame_lists, away=st.sampled_from([0, 0, 0, -1, 1]))
    def prepend(self, sizes: list[int], away: int) -> None:
        """Check that preceding frames are all taken if there is room, and none otherwise."""
        assume(len(sizes) <= self.start)
        first = self.start + 1 - len(sizes)
        frames = [b"%d" % (offset % 10) * size for offset, size in enumerate(sizes, first)]
        both = frames + self.all
        has_room = len(both) <= MOST_MESSAGES and sum(map(len, both)) <= MOST_BYTES
        taken = self.stream.prepend(first + away, frames)
        assert taken == (has_room and away == 0)
        if taken:
            self.all = both
            self.start -= len(frames)

    @rule(ahead=st.integers(0, 100))
    def restart(self, ahead: int) -> None:
        """Restart the stream, forgetting everything."""
        self.start = self.stream.head + ahead
        self.all = []
        self.stream.restart(self.start)

    @precondition(lambda self: self.stream.first <= self.stream.head)
    @rule(data=st.data(), most_bytes=st.integers(1, 60), times=st.integers(1, 2))
    def read(self, data: st.DataObject, most_bytes: int, times: int) -> None:
        """Check that a read returns whole frames, as many as needed to reach the bound."""
        offset = data.draw(st.integers(self.stream.first - 1, self.stream.head - 1))
        expected = b""
        last = offset
        for frame in self.all[offset - self.start :]:
            if len(expected) >= most_bytes:
                break
            expected += frame
            last += 1
        for _ in range(times):
            assert self.stream.after(offset, most_bytes) == (expected, last)

    @invariant()
    def holds_all_it_may(self) -> None:
        """Check that the stream keeps as much as its bounds allow, and no more."""
        held: list[bytes] = []
        for frame in reversed(self.all):
            size = sum(map(len, held)) + len(frame)
            if len(held) == MOST_MESSAGES or (held and size > MOST_BYTES):
                break
            held.append(frame)
        assert self.stream.head == self.start + len(self.all)
        assert self.stream.first == self.stream.head - len(held) + 1

    @invariant()
    def keeps_no_byte_of_the_forgotten(self) -> None:
        """Check that the bound on bytes bounds memory, except for one larger frame."""
        kept = self.stream._frames
        assert sum(map(len, kept)) <= max(MOST_BYTES, len(kept[-1]) if kept else 0)


TestStream = StreamMachine.TestCase


def test_each_range_is_framed_once() -> None:
    """The frames of a range are made once, for the first reader that asks."""
    made = []

    def shout(frames: bytes) -> bytes:
        made.append(frames)
        return frames.upper()

    stream = Stream(0, most_messages=8, most_bytes=1000)
    stream.append(1, [b"a", b"b"])
    assert [stream.framed_after(0, 100, shout) for _ in range(3)] == [(b"AB", 2)] * 3
    assert stream.framed_after(0, 100, None) == (b"ab", 2)
    stream.append(3, [b"c"])
    assert stream.framed_after(0, 100, shout) == (b"ABC", 3)
    assert made == [b"ab", b"abc"]
    stream.restart(9)
    stream.append(10, [b"d"])
    assert stream.framed_after(9, 100, shout) == (b"D", 10)
