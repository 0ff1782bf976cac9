"""The outbox: no report is forgotten, and verdicts are returned in order."""

import random

import pytest

from clientapp.core.outbox import WINDOW, Outbox
from clientapp.wire.from_server import Ack
from clientapp.wire.report import FeedRange, Latency, Report

BROKEN = Ack(block=1, verdict="broken", reason="users: 5 missing")


def report(block: int) -> Report:
    """Return a report."""
    part = FeedRange(epoch="0" * 12, first=1, last=1, count=1, digest=None, gaps=0, duplicates=0)
    return Report(
        block=block,
        text="",
        feeds={"users": part},
        size=1,
        seconds=0.0,
        started_at=0,
        finished_at=0,
        latency=Latency(p50=0.0, p99=0.0, max=0.0),
        interrupted=False,
    )


def ack(block: int) -> Ack:
    """Return a good acknowledgement."""
    return Ack(block=block, verdict="verified")


def taken(outbox: Outbox) -> list[int]:
    """Return the numbers of the blocks to send now."""
    return [one.block for one in outbox.take()]


@pytest.fixture
def outbox() -> Outbox:
    """Return an outbox that has sent the reports of five blocks."""
    outbox = Outbox()
    for block in range(1, 6):
        outbox.add(report(block))
    assert taken(outbox) == [1, 2, 3, 4, 5]
    return outbox


def test_overtaken_report_is_sent_again(outbox: Outbox) -> None:
    """If an acknowledgement overtakes another, the earlier report is sent again, once."""
    assert outbox.acknowledge(ack(1)) == [ack(1)]
    assert outbox.acknowledge(ack(3)) == []
    assert outbox.acknowledge(ack(4)) == []
    assert (len(outbox), outbox.is_due) == (4, True)
    assert taken(outbox) == [2]
    assert outbox.acknowledge(ack(5)) == []
    assert not outbox.is_due
    assert outbox.acknowledge(ack(2)) == [ack(2), ack(3), ack(4), ack(5)]
    assert len(outbox) == 0


def test_report_can_be_lost_again(outbox: Outbox) -> None:
    """A report that was sent again counts as lost only if a later one is acknowledged."""
    outbox.acknowledge(ack(2))
    assert taken(outbox) == [1]
    outbox.add(report(6))
    assert taken(outbox) == [6]
    outbox.acknowledge(ack(5))
    assert taken(outbox) == [3, 4]
    outbox.acknowledge(ack(6))
    assert taken(outbox) == [1]
    outbox.acknowledge(ack(3))
    outbox.acknowledge(ack(4))
    assert outbox.acknowledge(ack(1)) == [ack(block) for block in range(1, 7)]


def test_reminders_recover_the_last_reports(outbox: Outbox) -> None:
    """The second reminder sends the last report again; its answer reveals the other losses."""
    outbox.remind()
    assert not outbox.is_due
    outbox.remind()
    assert taken(outbox) == [5]
    assert outbox.acknowledge(ack(5)) == []
    assert taken(outbox) == [1, 2, 3, 4]


def test_slow_server_causes_no_losses(outbox: Outbox) -> None:
    """A reminder alone makes no report count as lost."""
    outbox.remind()
    outbox.remind()
    assert taken(outbox) == [5]
    for block in range(1, 6):
        assert outbox.acknowledge(ack(block)) == [ack(block)]
    assert not outbox.is_due


def test_new_connection_sends_reports_again(outbox: Outbox) -> None:
    """A new connection sends every report again that is not yet acknowledged."""
    outbox.acknowledge(ack(3))
    outbox.connect()
    assert not outbox.is_due
    outbox.repeat(1)
    assert taken(outbox) == [1, 2, 4, 5]
    assert outbox.acknowledge(ack(1)) == [ack(1)]
    assert outbox.acknowledge(ack(2)) == [ack(2), ack(3)]


def test_reports_under_way_are_bounded() -> None:
    """At most ``WINDOW`` reports are under way at once, and lost ones are sent first."""
    outbox, many = Outbox(), 3 * WINDOW
    for block in range(1, many + 1):
        outbox.add(report(block))
    assert taken(outbox) == list(range(1, WINDOW + 1))
    assert (outbox.is_due, taken(outbox)) == (False, [])
    for block in range(2, WINDOW // 2 + 1):
        assert outbox.acknowledge(ack(block)) == []
    half = WINDOW // 2
    assert taken(outbox) == [1, *range(WINDOW + 1, WINDOW + half)]
    outbox.repeat(1)
    assert taken(outbox) == [1, *range(half + 1, WINDOW + half)]
    outbox.remind()
    outbox.remind()
    assert taken(outbox) == [WINDOW + half - 1]


def test_refused_report_is_given_up(outbox: Outbox) -> None:
    """A refused report blocks no other report and cannot be added again."""
    assert outbox.acknowledge(ack(2)) == []
    assert (outbox.refuse(1), outbox.refuse(1)) == (True, False)
    assert outbox.ready() == [ack(2)]
    outbox.add(report(1))
    assert taken(outbox) == []


def test_clear_keeps_only_refusals(outbox: Outbox) -> None:
    """After a clear, reports can be added again unless the server refused them."""
    outbox.refuse(1)
    assert outbox.acknowledge(ack(3)) == []
    outbox.clear()
    assert (len(outbox), outbox.is_due, outbox.ready()) == (0, False, [])
    for block in (1, 2, 3):
        outbox.add(report(block))
    assert taken(outbox) == [2, 3]


def test_later_acknowledgement_replaces_a_waiting_one(outbox: Outbox) -> None:
    """A later acknowledgement of a block replaces a waiting one; otherwise it is ready at once."""
    outbox.acknowledge(ack(2))
    assert outbox.acknowledge(BROKEN) == [BROKEN, ack(2)]
    assert outbox.acknowledge(BROKEN) == [BROKEN]
    assert outbox.acknowledge(ack(2)) == []


def test_every_verdict_comes_once_and_in_order() -> None:
    """Losses in either direction never lose, repeat or reorder a verdict."""
    for seed in range(200):
        chance = random.Random(seed)
        outbox, number = Outbox(), 0
        handed: list[Ack] = []
        while len(handed) < 40:
            if number < 40 and chance.random() < 0.5:
                number += 1
                outbox.add(report(number))
            elif number == 40:
                outbox.remind()
            for one in outbox.take():
                if chance.random() < 0.7:
                    handed += outbox.acknowledge(ack(one.block))
            if chance.random() < 0.05:
                outbox.connect()
                outbox.repeat(1)
        assert handed == [ack(block) for block in range(1, 41)]
