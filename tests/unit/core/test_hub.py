"""The hub, step by step."""

import json

import pytest

from clientapp.wire.position import Position
from feeds.core.form import PLAIN, PROTOCOL
from feeds.core.frames import frame, payloads
from feeds.core.hub import TOLD_AT_ONCE, Hub
from tests.support.hub_parts import ByHand, Recoveries
from tests.support.slow_writer import (
    CONTROL,
    FEEDS,
    FORMS,
    LIMITS,
    Reader,
    SlowWriter,
    message,
    messages,
    pass_over,
)


class Lines:
    """A writer that keeps the payloads of all frames."""

    descriptor = -1

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def write(self, frames: bytes) -> bool:
        """Keep the payloads of *frames*."""
        self.lines += payloads(frames)
        return True


def open_hub(recoveries: Recoveries | None = None) -> Hub:
    """Return a hub of users at 0, which asks *recoveries* for older frames."""
    hub = Hub(LIMITS, pass_over, recoveries or Recoveries(), ByHand())
    hub.open_stream("users", 0)
    return hub


def join(hub: Hub, offset: int = 0) -> Reader:
    """Subscribe to users after *offset* and do all pending work."""
    writer = SlowWriter({"users": offset})
    reader = Reader(hub.subscribe(writer, writer.cursors), writer)
    finish(hub)
    return reader


def finish(hub: Hub) -> int:
    """Do all pending work; return the number of turns it took."""
    return sum(1 for _ in hub.turns())


def test_every_reader_gets_every_message() -> None:
    """Readers of a feed get each message in one write, with one turn per cohort."""
    hub = open_hub()
    readers = [join(hub) for _ in range(5)]
    hub.publish("users", 1, messages("users", 1, 3))

    assert finish(hub) == 3
    hub.publish("users", 4, messages("users", 4, 10))
    assert finish(hub) == 6  # more than fits in one write
    assert [reader.writer.cursors for reader in readers] == [{"users": 10}] * 5


def test_each_form_is_written_in_one_pass() -> None:
    """Clients of one form are a cohort and get the frames of that form."""
    hub = open_hub()
    writers = [SlowWriter({"users": 0}, form) for form in FORMS * 2]
    for writer in writers:
        hub.subscribe(writer, writer.cursors, writer.form)
    finish(hub)
    hub.publish("users", 1, messages("users", 1, 2))

    assert finish(hub) == len(FORMS)
    assert [writer.messages for writer in writers] == [2] * 6


def test_controls_reach_only_clients_of_the_protocol() -> None:
    """A plain client gets no heartbeat, notice, answer or gap, and keeps getting messages."""
    hub = open_hub()
    writer = SlowWriter({"users": 0}, PLAIN)
    reader = hub.subscribe(writer, writer.cursors, PLAIN)
    finish(hub)
    for _ in hub.tell(CONTROL):
        pass
    hub.write(reader, CONTROL)
    hub.publish("users", 1, messages("users", 1, 3))
    finish(hub)

    assert (writer.controls, writer.messages, hub.written(reader)) == (0, 3, 3)


def test_readers_and_messages_are_counted_per_feed() -> None:
    """Readers, in cohorts and alone, the worst lag, and messages sent are counted per feed."""
    hub = open_hub()
    hub.open_stream("arrays", 0)
    join(hub)
    slow = join(hub)
    writer = SlowWriter({"users": 0, "arrays": 0})
    hub.subscribe(writer, writer.cursors)
    finish(hub)
    hub.held(slow.subscriber)
    hub.publish("users", 1, messages("users", 1, 3))
    hub.publish("arrays", 1, messages("arrays", 1, 2))
    finish(hub)

    assert hub.readers() == {"users": (3, 3), "arrays": (1, 0)}
    assert dict(hub.sent) == {"users": 6, "arrays": 2}


def test_a_long_backlog_takes_many_turns() -> None:
    """A reader with a long backlog gets a bounded part of it in each turn."""
    hub = open_hub()
    hub.publish("users", 1, messages("users", 1, 7))
    sizes = [len(one) for one in messages("users", 1, 7)]
    writer = SlowWriter({"users": 0})
    hub.subscribe(writer, writer.cursors)
    steps = [writer.cursors["users"] for _ in hub.turns()]

    assert sum(sizes[:3]) < LIMITS.write_bytes <= sum(sizes[:4])
    assert steps == [4, 7]


def test_readers_behind_get_turns_beside_many_cohorts() -> None:
    """Readers that are behind get their turns, however many cohorts are at the head."""
    hub = open_hub()
    cohorts = 40
    for _ in range(cohorts * LIMITS.cohort_size):
        join(hub)
    late = [SlowWriter({"users": 0}) for _ in range(8)]
    hub.publish("users", 1, messages("users", 1, 1))
    for writer in late:
        hub.subscribe(writer, writer.cursors)
    turns = hub.turns()
    for _ in range(cohorts):
        next(turns)
    assert [writer.cursors["users"] for writer in late] == [1] * len(late)


def test_live_readers_go_first() -> None:
    """Live readers get new messages before others catch up."""
    hub = open_hub()
    ahead = join(hub)
    hub.publish("users", 1, messages("users", 1, 3))
    finish(hub)
    behind = SlowWriter({"users": 0})
    hub.subscribe(behind, behind.cursors)
    hub.publish("users", 4, messages("users", 4, 4))
    next(hub.turns())

    assert (ahead.writer.cursors, behind.cursors) == ({"users": 4}, {"users": 0})


def test_slow_reader_does_not_delay_others() -> None:
    """A reader with unsent bytes gets nothing more, but the others of its cohort do."""
    hub = open_hub()
    slow, quick = join(hub), join(hub)
    slow.writer.is_slow = True
    for offset in (1, 2):
        hub.publish("users", offset, messages("users", offset, offset))
        finish(hub)

    assert (slow.writer.cursors, quick.writer.cursors) == ({"users": 1}, {"users": 2})
    slow.writer.drain()
    hub.drained(slow.subscriber)
    finish(hub)
    assert slow.writer.cursors == {"users": 2}


def test_control_may_slow_a_reader_down() -> None:
    """A reader that still has unsent bytes of a control gets no messages in its turn."""
    hub = open_hub()
    hub.publish("users", 1, messages("users", 1, 1))
    writer = SlowWriter({"users": 0})
    subscriber = hub.subscribe(writer, writer.cursors)
    writer.is_slow = True
    hub.write(subscriber, CONTROL)
    finish(hub)

    assert (writer.controls, writer.cursors) == (1, {"users": 0})


@pytest.mark.parametrize("is_slow", [False, True])
def test_cohort_catches_up_with_a_joining_reader(is_slow: bool) -> None:  # noqa: FBT001  a parameter
    """A cohort that catches up merges with a joining reader, and no reader gets a message twice."""
    hub = open_hub()
    member = join(hub)
    hub.publish("users", 1, messages("users", 1, 7))
    joining = SlowWriter({"users": 7})
    hub.subscribe(joining, joining.cursors)
    turns = hub.turns()
    next(turns)
    assert member.writer.cursors == {"users": 4}
    member.writer.is_slow = is_slow
    next(turns)
    assert member.writer.cursors == {"users": 7}
    hub.publish("users", 8, messages("users", 8, 8))
    finish(hub)

    assert joining.cursors == {"users": 8}
    assert member.writer.cursors == {"users": 7 if is_slow else 8}


def test_all_feeds_share_one_bound() -> None:
    """A reader of several feeds gets no more in one write than a reader of one feed."""
    hub = open_hub()
    hub.open_stream("arrays", 0)
    for feed in FEEDS:
        hub.publish(feed, 1, messages(feed, 1, 5))
    writer = SlowWriter({"users": 0, "arrays": 0})
    hub.subscribe(writer, writer.cursors)
    next(hub.turns())

    assert writer.cursors == {"users": 4, "arrays": 0}
    finish(hub)
    assert writer.cursors == {"users": 5, "arrays": 5}


def test_feeds_take_turns() -> None:
    """A long backlog in one feed does not keep a reader from getting its other feeds."""
    hub = open_hub()
    hub.open_stream("arrays", 0)
    for feed in FEEDS:
        hub.publish(feed, 1, messages(feed, 1, 7))
    writer = SlowWriter({"users": 0, "arrays": 0})
    hub.subscribe(writer, writer.cursors)
    steps = [dict(writer.cursors) for _ in hub.turns()]

    assert steps[:2] == [{"users": 4, "arrays": 0}, {"users": 4, "arrays": 4}]
    assert steps[-1] == {"users": 7, "arrays": 7}


def test_recovery_of_one_feed_does_not_delay_others() -> None:
    """Recovering old messages of one feed does not delay a reader's other feeds."""
    recoveries = Recoveries()
    hub = open_hub(recoveries)
    hub.open_stream("arrays", 0)
    hub.publish("users", 1, messages("users", 1, 3 * LIMITS.recent_messages))
    writer = SlowWriter({"users": 0, "arrays": 0})
    subscriber = hub.subscribe(writer, writer.cursors)
    for offset in range(1, 9):
        writer.is_recovering = True
        hub.publish("arrays", offset, messages("arrays", offset, offset))
        finish(hub)
        hub.recovered(subscriber, "users", offset, message("users", offset))
        finish(hub)

    assert len(recoveries.asked) == 9
    assert writer.cursors == {"users": 8, "arrays": 8}


def test_cohort_overtaken_by_the_stream_recovers() -> None:
    """If more messages arrive at once than are kept, the readers at the head recover them."""
    recoveries = Recoveries()
    hub = open_hub(recoveries)
    readers = [join(hub), join(hub)]
    hub.publish("users", 1, messages("users", 1, LIMITS.recent_messages + 1))
    finish(hub)

    assert [feed for _, feed in recoveries.asked] == ["users", "users"]
    assert [reader.writer.cursors for reader in readers] == [{"users": 0}] * 2


def test_cohort_recovers_after_a_restart_between_turns() -> None:
    """A cohort whose due messages were dropped by a restart recovers them."""
    recoveries = Recoveries()
    hub = open_hub(recoveries)
    readers = [join(hub) for _ in range(LIMITS.cohort_size + 1)]
    hub.publish("users", 1, messages("users", 1, 1))
    turns = hub.turns()
    next(turns)
    hub.restart("users", 5)
    for _ in turns:
        pass

    assert [feed for _, feed in recoveries.asked] == ["users"] * len(readers)


def test_empty_cohort_takes_no_turn() -> None:
    """A cohort whose last member left before its turn takes no turn."""
    hub = open_hub()
    readers = [join(hub) for _ in range(LIMITS.cohort_size + 1)]
    hub.publish("users", 1, messages("users", 1, 1))
    turns = hub.turns()
    next(turns)
    for reader in readers:
        hub.unsubscribe(reader.subscriber)
    hub.restart("users", 5)

    assert sum(1 for _ in turns) == 0
    assert hub.subscribers == set()


def test_lag_counts_missing_messages() -> None:
    """The lag of a reader is known whether it is served in a cohort or alone."""
    hub = open_hub()
    hub.open_stream("arrays", 7)
    reader = join(hub)
    writer = SlowWriter({"users": 0, "arrays": 2})
    behind = hub.subscribe(writer, writer.cursors)
    hub.publish("users", 1, messages("users", 1, 3))
    assert (hub.lag(reader.subscriber), hub.lag(behind)) == (3, 3 + 5)
    finish(hub)
    assert hub.lag(reader.subscriber) == 0


def test_control_is_sent_in_steps() -> None:
    """Other work runs between the steps of a control to all; readers that left are skipped."""
    hub = open_hub()
    readers = [join(hub) for _ in range(2 * TOLD_AT_ONCE)]
    telling = hub.tell(CONTROL)

    next(telling)
    told = [reader for reader in readers if reader.writer.controls]
    assert 0 < len(told) < TOLD_AT_ONCE
    gone = next(reader for reader in readers if reader not in told)
    hub.unsubscribe(gone.subscriber)
    hub.publish("users", 1, messages("users", 1, 1))
    finish(hub)
    assert [next(telling, "done"), next(telling, "done")] == [None, "done"]
    assert [reader.writer.controls for reader in readers] == [
        0 if reader is gone else 1 for reader in readers
    ]


def test_rollback_moves_every_reader_to_the_head() -> None:
    """Readers in step, blocked or recovering get the gap first, then messages after the head."""
    recoveries = Recoveries()
    hub = open_hub(recoveries)
    hub.publish("users", 1, messages("users", 1, 3 * LIMITS.recent_messages))
    head = hub.streams["users"].head
    forms = (PROTOCOL, PROTOCOL, PROTOCOL, PLAIN)
    cursors = (head, head - 1, 0, head)
    written: list[list[bytes]] = []
    readers = []
    for form, cursor in zip(forms, cursors, strict=True):
        writer = Lines()
        written.append(writer.lines)
        readers.append(hub.subscribe(writer, {"users": cursor}, form))
    finish(hub)
    hub.held(readers[1])
    assert readers[2].recovering == "users"
    assert [hub.written(one) for one in readers] == [0, 1, 0, 0]
    for lines in written:
        lines.clear()

    hub.roll_back("users", Position("0123456789ab", 5))
    hub.publish("users", 6, [frame(b'{"type":"message"}')])
    hub.drained(readers[1])
    finish(hub)
    gaps = [json.loads(lines[0]) for lines in written[:3]]
    assert [(one["first"], one["last"]) for one in gaps] == [(6, 5), (6, 5), (1, 5)]
    assert {one["cause"] for one in gaps} == {"history"}
    assert [lines[-1] for lines in written] == [b'{"type":"message"}'] * 4
    assert [len(lines) for lines in written] == [2, 2, 2, 1]
    assert [hub.written(one) for one in readers] == [1, 2, 1, 1]
