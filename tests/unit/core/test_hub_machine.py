"""The hub under any interleaving of events."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from clientapp.wire.position import Position
from feeds.core.form import Form
from feeds.core.hub import Hub
from feeds.core.subscriber import Subscriber
from tests.support.slow_writer import (
    CONTROL,
    FEEDS,
    FORMS,
    LIMITS,
    Reader,
    SlowWriter,
    gap,
    messages,
    pass_over,
)


@dataclass
class Recovery:
    """Frames that the hub requested when its recent past began at *before*."""

    subscriber: Subscriber
    feed: str
    before: int


class HubMachine(RuleBasedStateMachine):
    """All events of a hub, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.hub = Hub(LIMITS, pass_over, self, self)
        self.is_awake = False
        self.turns: Iterator[None] | None = None
        self.readers: list[Reader] = []
        self.recoveries: list[Recovery] = []

    def start(self, hub: Hub, subscriber: Subscriber, feed: str) -> None:
        """Record the recovery that the hub requests."""
        assert hub is self.hub
        assert subscriber.recovering
        assert subscriber not in [one.subscriber for one in self.recoveries]
        self.recoveries.append(Recovery(subscriber, feed, self.hub.streams[feed].first))

    def wake(self) -> None:
        """Record that there is work."""
        self.is_awake = True

    @initialize(heads=st.tuples(st.integers(0, 30), st.integers(0, 30)))
    def open(self, heads: tuple[int, int]) -> None:
        """Open feeds that already have messages."""
        for feed, head in zip(FEEDS, heads, strict=True):
            self.hub.open_stream(feed, head)

    @rule(feed=st.sampled_from(FEEDS), count=st.integers(0, 12))
    def publish(self, feed: str, count: int) -> None:
        """Publish some messages, sometimes more than are kept."""
        head = self.hub.streams[feed].head
        self.hub.publish(feed, head + 1, messages(feed, head + 1, head + count))

    @rule(feed=st.sampled_from(FEEDS), ahead=st.integers(0, 12))
    def restart(self, feed: str, ahead: int) -> None:
        """Restart a feed after messages that the process missed."""
        self.hub.restart(feed, self.hub.streams[feed].head + ahead)

    @rule(feed=st.sampled_from(FEEDS), moved=st.integers(-12, 6))
    def roll_back(self, feed: str, moved: int) -> None:
        """Lose the history of a feed, which continues further back or ahead."""
        head = max(self.hub.streams[feed].head + moved, 0)
        self.hub.roll_back(feed, Position("0123456789ab", head))
        self.recoveries = [one for one in self.recoveries if one.feed != feed]
        for writer in (reader.writer for reader in self.readers):
            if feed in writer.cursors and not writer.form.has_controls:
                writer.cursors[feed] = head
            assert writer.cursors.get(feed, head) == head

    @rule(count=st.integers(1, 8))
    def work(self, count: int) -> None:
        """Take some of the turns that the hub asked for; other events happen between them."""
        for _ in range(count):
            if self.turns is None and self.is_awake:
                self.is_awake = False
                self.turns = self.hub.turns()
            if self.turns is not None and next(self.turns, self) is self:
                self.turns = None

    @rule(
        feeds=st.sampled_from([FEEDS, FEEDS[::-1], FEEDS[:1], FEEDS[1:]]),
        behind=st.tuples(st.integers(0, 20), st.integers(0, 20)),
        is_live=st.booleans(),
        form=st.sampled_from(FORMS),
    )
    def subscribe(
        self,
        feeds: tuple[str, ...],
        behind: tuple[int, int],
        is_live: bool,  # noqa: FBT001  drawn
        form: Form,
    ) -> None:
        """Subscribe a reader of any form at any position."""
        cursors = {}
        for feed, count in zip(feeds, behind, strict=False):
            cursors[feed] = max(self.hub.streams[feed].head - (0 if is_live else count), 0)
        writer = SlowWriter(cursors, form)
        self.readers.append(Reader(self.hub.subscribe(writer, cursors, form), writer))

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def unsubscribe(self, data: st.DataObject) -> None:
        """Unsubscribe a reader, which drops its recovery."""
        reader = self.draw_reader(data)
        self.readers.remove(reader)
        reader.writer.is_closed = True
        for _ in range(data.draw(st.integers(1, 2))):
            self.hub.unsubscribe(reader.subscriber)
        self.hub.drained(reader.subscriber)

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def slow_down(self, data: st.DataObject) -> None:
        """Make a reader slow, so that it no longer takes everything."""
        self.draw_reader(data).writer.is_slow = True

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        """Hold back bytes that did not come from the hub."""
        reader = self.draw_reader(data)
        reader.writer.is_slow = reader.writer.is_holding = True
        self.hub.held(reader.subscriber)

    @precondition(lambda self: any(reader.writer.is_slow for reader in self.readers))
    @rule(data=st.data())
    def drain(self, data: st.DataObject) -> None:
        """Let a slow reader take all bytes that were held for it."""
        slow = [reader for reader in self.readers if reader.writer.is_slow]
        self.drain_reader(data.draw(st.sampled_from(slow)))

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """Write a control to a reader in any state, unless its form has none."""
        reader = self.draw_reader(data)
        before = reader.writer.controls
        self.hub.write(reader.subscriber, CONTROL)

        assert reader.writer.controls == before + reader.writer.form.has_controls

    @rule(feed=st.sampled_from([None, *FEEDS]))
    def tell(self, feed: str | None) -> None:
        """Send a control to every reader that is not blocked, exactly once."""
        expected = [
            reader.writer.controls
            + (
                reader.writer.form.has_controls
                and not reader.writer.is_holding
                and feed in (None, *reader.writer.cursors)
            )
            for reader in self.readers
        ]
        deque(self.hub.tell(CONTROL, feed), 0)

        assert [reader.writer.controls for reader in self.readers] == expected

    @precondition(lambda self: self.recoveries)
    @rule(data=st.data(), count=st.integers(1, 10), is_lost=st.booleans())
    def recovered(self, data: st.DataObject, count: int, is_lost: bool) -> None:  # noqa: FBT001  drawn
        """Deliver some of the requested messages, or report them as lost."""
        index = data.draw(st.integers(0, len(self.recoveries) - 1))
        self.settle_recovery(self.recoveries.pop(index), count, is_lost=is_lost)

    @invariant()
    def cohorts_are_sound(self) -> None:
        """Check that cohorts and members have the same cursors and no member is blocked."""
        for (feeds, reframe), cohorts in self.hub._cohorts.items():
            assert cohorts
            for cohort in cohorts:
                assert {one.form.reframe for one in cohort.members} == {reframe}
                assert cohort.cursors.keys() == feeds
                assert 1 <= len(cohort.members) <= LIMITS.cohort_size
                heads = {feed: self.hub.streams[feed].head for feed in feeds}
                assert cohort.cursors == heads or cohort in self.hub._dirty
        listed = [
            one for all_ in self.hub._cohorts.values() for each in all_ for one in each.members
        ]
        assert len(listed) == len(set(listed))
        assert set(listed) == {one for one in self.hub.subscribers if one.cohort is not None}

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """Check that each reader is in a cohort, or waits for an event that lets it continue."""
        assert self.hub.subscribers == {reader.subscriber for reader in self.readers}
        for reader in self.readers:
            one = reader.subscriber
            assert (one.cohort or one).cursors == reader.writer.cursors
            assert one.blocked == reader.writer.is_holding
            assert not (one.cohort and (one.blocked or one.recovering or one.queued))
            assert one.cohort or one.blocked or one.recovering or one in self.hub._queue
            assert one.queued == (one in self.hub._queue)

    @invariant()
    def messages_are_counted(self) -> None:
        """Check that the count of written messages is right, except for offsets in a gap."""
        for reader in self.readers:
            assert self.hub.written(reader.subscriber) == reader.writer.messages

    @invariant()
    def no_work_is_forgotten(self) -> None:
        """Check that turns are taken, or were requested, while there is work."""
        if self.hub._dirty or self.hub._queue:
            assert self.is_awake or self.turns is not None

    def teardown(self) -> None:
        """Check that every reader reaches the head once everything was taken."""
        while self.recoveries or self.hub._dirty or self.hub._queue or self.slow():
            for reader in self.slow():
                self.drain_reader(reader)
            while self.recoveries:
                self.settle_recovery(self.recoveries.pop(), 5, is_lost=False)
            for _ in self.hub.turns():
                self.cohorts_are_sound()
        for reader in self.readers:
            assert reader.subscriber.cohort is not None
            for feed, cursor in reader.writer.cursors.items():
                assert cursor == self.hub.streams[feed].head

    def slow(self) -> list[Reader]:
        """Return the readers with bytes held back, or with a writer that would hold some back."""
        return [reader for reader in self.readers if reader.writer.is_slow]

    def draw_reader(self, data: st.DataObject) -> Reader:
        """Draw one of the readers."""
        return self.readers[data.draw(st.integers(0, len(self.readers) - 1))]

    def drain_reader(self, reader: Reader) -> None:
        """Let a reader take the bytes held for it, and tell the hub."""
        reader.writer.drain()
        self.hub.drained(reader.subscriber)

    def settle_recovery(self, recovery: Recovery, count: int, *, is_lost: bool) -> None:
        """Deliver at most *count* messages from before the recent past as it was then."""
        subscriber, feed = recovery.subscriber, recovery.feed
        first = subscriber.cursors[feed] + 1
        last = min(first + count, recovery.before) - 1
        for writer in (reader.writer for reader in self.readers if reader.subscriber is subscriber):
            writer.is_recovering = True
            if is_lost and not writer.form.has_controls:
                writer.cursors[feed] = last
        if is_lost:
            self.hub.skip(subscriber, feed, last, gap(feed, first, last))
        else:
            self.hub.recovered(subscriber, feed, last, b"".join(messages(feed, first, last)))
        for reader in self.readers:
            reader.writer.is_recovering = False


HubMachine.TestCase.settings = settings(
    max_examples=3 * settings().max_examples,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow],
)
TestHub = HubMachine.TestCase
