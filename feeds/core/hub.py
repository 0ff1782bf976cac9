"""
The fan-out: streams, and the subscribers that read them.

A subscriber is a cursor into each of its feeds. Subscribers that are up to date
share a *cohort*, which one pass serves with the same bytes; the others catch
up with the head in bounded steps. A form with its own frames has its own cohorts; a form without
controls never receives any. Nothing here waits:
callers report events (`publish`, `drained`), and the hub wakes the pump, which
runs its `turns`.

Invariants: a subscriber is in a cohort if and only if its cursors equal the
cohort's and its last write was complete; frames of one feed are written in
the order of their offsets, each once per subscription.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import Protocol

from clientapp.wire.position import Position
from feeds.core.form import PROTOCOL, Form, Reframe
from feeds.core.frames import control_frame
from feeds.core.limits import Limits
from feeds.core.start import history_gap
from feeds.core.stream import Stream
from feeds.core.subscriber import Cohort, Pass, Subscriber, Writer

TOLD_AT_ONCE = 50
"""Subscribers written to in one step, which takes half a millisecond. Nine thousand in one step
took 110 ms, during which no message was sent."""


class Recovers(Protocol):
    """Regenerates frames that are older than the recent past."""

    def start(self, hub: Hub, subscriber: Subscriber, feed: str) -> None:
        """
        Regenerate the next frames of *feed*; later call `Hub.recovered` or `Hub.skip`.

        Call neither if the hub has another stream of *feed* by then.
        """


class Pumps(Protocol):
    """Runs `Hub.turns`."""

    def wake(self) -> None:
        """Record that `turns` has work."""


class Hub:
    """The streams of a process and their subscribers."""

    def __init__(self, limits: Limits, pass_: Pass, recovery: Recovers, pump: Pumps) -> None:
        """Make an empty hub; *pass_* writes the same frames to all sockets of a cohort."""
        self._limits = limits
        self._give = pass_
        self._recovery = recovery
        self._pump = pump
        self._cohorts: dict[tuple[frozenset[str], Reframe | None], list[Cohort]] = {}
        self._dirty: dict[Cohort, None] = {}
        self._queue: deque[Subscriber] = deque()
        self.streams: dict[str, Stream] = {}
        self.subscribers: set[Subscriber] = set()
        self.sent: Counter[str] = Counter()
        """Messages of each feed written so far, counted once per subscriber."""

    def open_stream(self, feed: str, head: int) -> Stream:
        """Add the stream of a feed whose messages up to *head* exist already."""
        limits = self._limits
        self.streams[feed] = Stream(
            head, most_messages=limits.recent_messages, most_bytes=limits.recent_bytes
        )
        return self.streams[feed]

    def publish(self, feed: str, first: int, frames: list[bytes]) -> None:
        """Append *frames* to the stream of *feed*; they must follow its head."""
        self.streams[feed].append(first, frames)
        self._mark_dirty(feed)

    def restart(self, feed: str, head: int) -> None:
        """Reset the stream of *feed* to *head*; its subscribers recover the messages they lack."""
        self.streams[feed].restart(head)
        self._mark_dirty(feed)

    def roll_back(self, feed: str, resumed: Position) -> None:
        """
        Restart the stream of *feed*, because its history was rolled back.

        Every subscriber continues at *resumed*, after a gap that says so. It takes one
        step, because no message may come between: 10 µs for each subscriber.
        """
        self.open_stream(feed, resumed.offset)
        gaps: dict[int, bytes] = {}
        for subscriber in list(self.subscribers):
            cursor = _cursors(subscriber).get(feed)
            if cursor is None:
                continue
            self._leave_cohort(subscriber)
            subscriber.unsent += resumed.offset - cursor
            _move(subscriber.cursors, feed, resumed.offset)
            if subscriber.recovering == feed:
                subscriber.recovering = ""
            if cursor not in gaps:
                gaps[cursor] = control_frame(history_gap(feed, cursor, resumed))
            self.write(subscriber, gaps[cursor])
            self._enqueue(subscriber)

    def subscribe(
        self, writer: Writer, cursors: dict[str, int], form: Form = PROTOCOL
    ) -> Subscriber:
        """Add a subscriber that has everything up to *cursors*, one per feed."""
        subscriber = Subscriber(writer, dict(cursors), form)
        self.subscribers.add(subscriber)
        self._enqueue(subscriber)
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Remove a subscriber; nothing more is written to it. Idempotent."""
        self.subscribers.discard(subscriber)
        self._leave_cohort(subscriber)

    def held(self, subscriber: Subscriber) -> None:
        """Record that the writer of *subscriber* has unsent bytes."""
        self._leave_cohort(subscriber)
        subscriber.blocked = True

    def drained(self, subscriber: Subscriber) -> None:
        """Record that the writer of *subscriber* has no unsent bytes left."""
        if subscriber.blocked and subscriber in self.subscribers:
            subscriber.blocked = False
            self._enqueue(subscriber)

    def recovered(self, subscriber: Subscriber, feed: str, last: int, frames: bytes) -> None:
        """Write *frames*, the messages of *feed* that *subscriber* lacked, up to *last*."""
        subscriber.recovering = ""
        if subscriber in self.subscribers:
            self.sent[feed] += last - subscriber.cursors[feed]
            _move(subscriber.cursors, feed, last)
            subscriber.blocked = not subscriber.writer.write(subscriber.form.frames(frames))
            self._enqueue(subscriber)

    def skip(self, subscriber: Subscriber, feed: str, last: int, gap: bytes) -> None:
        """Move *subscriber* to *last* of *feed* without messages; *gap* announces it."""
        subscriber.recovering = ""
        if subscriber in self.subscribers:
            subscriber.unsent += last - subscriber.cursors[feed]
            _move(subscriber.cursors, feed, last)
            self.write(subscriber, gap)
            self._enqueue(subscriber)

    def write(self, subscriber: Subscriber, control: bytes) -> None:
        """
        Write *control* to one subscriber now, in order with its data.

        Nothing is written if the subscriber's form has no controls.
        """
        if subscriber.form.has_controls and not subscriber.writer.write(control):
            self.held(subscriber)

    def written(self, subscriber: Subscriber) -> int:
        """Return the number of messages written to *subscriber* so far."""
        return sum(_cursors(subscriber).values()) - subscriber.unsent

    def tell(self, control: bytes, feed: str | None = None) -> Iterator[None]:
        """
        Write *control* to all subscribers, or to subscribers of *feed*; yield after every few.

        A subscriber whose writer has unsent bytes is skipped: heartbeats and
        notices would be stale by the time they could be sent.
        """
        for number, subscriber in enumerate(list(self.subscribers)):
            if number % TOLD_AT_ONCE == TOLD_AT_ONCE - 1:
                yield
            is_there = subscriber in self.subscribers and not subscriber.blocked
            if is_there and (feed is None or feed in subscriber.cursors):
                self.write(subscriber, control)

    def lag(self, subscriber: Subscriber) -> int:
        """Return the number of messages *subscriber* lacks, over all its feeds."""
        return self._lag(_cursors(subscriber))

    def worst_lag(self) -> int:
        """Return the most messages that any subscriber lacks, over all its feeds."""
        return max((self._lag(cursors) for cursors, _ in self._groups()), default=0)

    def readers(self) -> dict[str, tuple[int, int]]:
        """Return, per feed with readers, the number of readers and the most messages one lacks."""
        found: dict[str, tuple[int, int]] = {}
        for cursors, count in self._groups():
            for feed, cursor in cursors.items():
                readers, lag = found.get(feed, (0, 0))
                lag = max(lag, self.streams[feed].head - cursor)
                found[feed] = readers + count, lag
        return found

    def turns(self) -> Iterator[None]:
        """
        Do all pending work, one bounded turn for each item yielded.

        Cohorts alternate with subscribers that are behind, so neither has to
        wait for all of the others.
        """
        while self._dirty or self._queue:
            if self._dirty:
                self._pass(next(iter(self._dirty)))
                yield
            if self._queue:
                self._advance(self._queue.popleft())
                yield

    def _groups(self) -> list[tuple[dict[str, int], int]]:
        """Return the cursors of all subscribers, each with the number that has them."""
        groups = [(one.cursors, 1) for one in self.subscribers if one.cohort is None]
        for cohorts in self._cohorts.values():
            groups += [(cohort.cursors, len(cohort.members)) for cohort in cohorts]
        return groups

    def _lag(self, cursors: dict[str, int]) -> int:
        return sum(self.streams[feed].head - cursor for feed, cursor in cursors.items())

    def _mark_dirty(self, feed: str) -> None:
        for (feeds, _), cohorts in self._cohorts.items():
            if feed in feeds:
                self._dirty.update(dict.fromkeys(cohorts))
        self._pump.wake()

    def _pass(self, cohort: Cohort) -> None:
        self._dirty.pop(cohort, None)
        if any(self._is_outrun(*cursor) for cursor in cohort.cursors.items()):
            for subscriber in list(cohort.members):
                self._leave_cohort(subscriber)
                self._enqueue(subscriber)
            return
        frames = self._take(cohort.cursors, cohort.reframe, len(cohort.members))
        for subscriber in cohort.write(frames, self._give) if frames else ():
            self.held(subscriber)
        if cohort.members and not self._is_at_head(cohort.cursors):
            self._dirty[cohort] = None

    def _advance(self, subscriber: Subscriber) -> None:
        subscriber.queued = False
        if subscriber not in self.subscribers or subscriber.blocked or subscriber.recovering:
            return
        feed = self._next(subscriber.cursors)
        if feed is not None and self._is_outrun(feed, subscriber.cursors[feed]):
            subscriber.recovering = feed
            self._recovery.start(self, subscriber, feed)
            return
        frames = self._take(subscriber.cursors, subscriber.form.reframe, 1)
        subscriber.blocked = bool(frames) and not subscriber.writer.write(frames)
        if subscriber.blocked:
            return
        if self._is_at_head(subscriber.cursors):
            self._join_cohort(subscriber)
        else:
            self._enqueue(subscriber)

    def _is_at_head(self, cursors: dict[str, int]) -> bool:
        return all(self.streams[feed].head == cursor for feed, cursor in cursors.items())

    def _next(self, cursors: dict[str, int]) -> str | None:
        """Return the next feed that is behind; None if none is."""
        return next((name for name, at in cursors.items() if at < self.streams[name].head), None)

    def _is_outrun(self, feed: str, cursor: int) -> bool:
        """Tell whether the next frame of *feed* is older than the recent past."""
        return cursor < self.streams[feed].first - 1

    def _take(self, cursors: dict[str, int], reframe: Reframe | None, readers: int) -> bytes:
        """Return some frames after *cursors*, which *readers* share; move the cursors."""
        parts = []
        room = self._limits.write_bytes
        for feed, cursor in list(cursors.items()):
            stream = self.streams[feed]
            if cursor < stream.head and room > 0 and not self._is_outrun(feed, cursor):
                frames, last = stream.framed_after(cursor, room, reframe)
                _move(cursors, feed, last)
                self.sent[feed] += (last - cursor) * readers
                parts.append(frames)
                room -= len(frames)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _enqueue(self, subscriber: Subscriber) -> None:
        if not subscriber.queued and not subscriber.blocked:
            subscriber.queued = True
            self._queue.append(subscriber)
            self._pump.wake()

    def _join_cohort(self, subscriber: Subscriber) -> None:
        """Put a subscriber that is up to date into a cohort with room."""
        reframe = subscriber.form.reframe
        key = frozenset(subscriber.cursors), reframe
        for cohort in list(self._cohorts.get(key, ())):
            if len(cohort.members) < self._limits.cohort_size:
                while cohort in self._dirty:
                    self._pass(cohort)
                if cohort.members:
                    break
        else:
            cohort = Cohort(dict(subscriber.cursors), reframe)
            self._cohorts.setdefault(key, []).append(cohort)
        cohort.join(subscriber)

    def _leave_cohort(self, subscriber: Subscriber) -> None:
        cohort = subscriber.cohort
        if cohort is None:
            return
        cohort.leave(subscriber)
        if not cohort.members:
            key = frozenset(cohort.cursors), cohort.reframe
            cohorts = self._cohorts[key]
            cohorts.remove(cohort)
            self._dirty.pop(cohort, None)
            if not cohorts:
                del self._cohorts[key]


def _cursors(subscriber: Subscriber) -> dict[str, int]:
    cohort = subscriber.cohort
    return subscriber.cursors if cohort is None else cohort.cursors


def _move(cursors: dict[str, int], feed: str, last: int) -> None:
    """Set the cursor of *feed* to *last*; put it at the end, so a backlog delays no other feed."""
    del cursors[feed]
    cursors[feed] = last
