"""The recent past, against a list that forgets nothing."""

import pytest
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from feeds.core.stream import Stream

MOST_MESSAGES = 9
MOST_BYTES = 40

frame_lists = st.lists(st.integers(1, 30), max_size=20)
"""Frames by their sizes; some are larger than half of what is kept."""


def open_stream() -> Stream:
    """Return a stream of three frames of five bytes."""
    stream = Stream(0, most_messages=MOST_MESSAGES, most_bytes=MOST_BYTES)
    stream.append(1, [b"11111", b"22222", b"33333"])
    return stream


def test_who_asks_for_less_gets_less() -> None:
    """What is kept joined for one bound is not given for another."""
    stream = open_stream()

    assert stream.after(0, 100) == (b"111112222233333", 3)
    assert stream.after(0, 6) == (b"1111122222", 2)
    assert stream.after(0, 1) == (b"11111", 1)


def test_who_asks_later_gets_more() -> None:
    """What is kept joined ends at the head only as long as the head is there."""
    stream = open_stream()
    assert stream.after(1, 100) == (b"2222233333", 3)
    stream.append(4, [b"44444"])

    assert stream.after(1, 100) == (b"222223333344444", 4)


class StreamMachine(RuleBasedStateMachine):
    """A stream and, beside it, every frame since its last restart."""

    @initialize(head=st.integers(0, 1000))
    def open(self, head: int) -> None:
        """Begin somewhere."""
        self.stream = Stream(head, most_messages=MOST_MESSAGES, most_bytes=MOST_BYTES)
        self.start = head
        self.all: list[bytes] = []

    @rule(sizes=frame_lists)
    def append(self, sizes: list[int]) -> None:
        """Append frames that differ by offset."""
        first = self.stream.head + 1
        frames = [b"%d" % (offset % 10) * size for offset, size in enumerate(sizes, first)]
        self.stream.append(first, frames)
        self.all += frames

    @rule(away=st.sampled_from([-3, -1, 1, 2]))
    def append_out_of_order(self, away: int) -> None:
        """Frames that do not follow are refused and change nothing."""
        with pytest.raises(ValueError, match="does not follow"):
            self.stream.append(self.stream.head + 1 + away, [b"x"])

    @precondition(lambda self: self.stream.first == self.start + 1)
    @rule(sizes=frame_lists, away=st.sampled_from([0, 0, 0, -1, 1]))
    def prepend(self, sizes: list[int], away: int) -> None:
        """Frames that lead up to the oldest are taken, all or none, where there is room."""
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
        """Forget everything."""
        self.start = self.stream.head + ahead
        self.all = []
        self.stream.restart(self.start)

    @precondition(lambda self: self.stream.first <= self.stream.head)
    @rule(data=st.data(), most_bytes=st.integers(1, 60), times=st.integers(1, 2))
    def read(self, data: st.DataObject, most_bytes: int, times: int) -> None:
        """What is read is whole frames, as many as it takes to reach the bound."""
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
        """The past is as long as the bounds allow, and no longer."""
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
        """The bound on bytes is a bound on memory, but for one frame that exceeds it."""
        kept = self.stream._frames
        assert sum(map(len, kept)) <= max(MOST_BYTES, len(kept[-1]) if kept else 0)


TestStream = StreamMachine.TestCase


def test_a_form_of_its_own_is_framed_once_for_a_range() -> None:
    """However many readers ask for a range, its frames are made when the first one asks."""
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
