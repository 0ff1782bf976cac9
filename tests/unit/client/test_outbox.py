"""The outbox: nothing is forgotten, and verdicts are handed out in order."""

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
    """Return the blocks that are sent now."""
    return [one.block for one in outbox.take()]


@pytest.fixture
def outbox() -> Outbox:
    """Return an outbox that has sent the reports of five blocks."""
    outbox = Outbox()
    for block in range(1, 6):
        outbox.add(report(block))
    assert taken(outbox) == [1, 2, 3, 4, 5]
    return outbox


def test_an_acknowledgement_that_overtakes_another(outbox: Outbox) -> None:
    """The report before it is sent again, once, and both are handed out in order."""
    assert outbox.acknowledge(ack(1)) == [ack(1)]
    assert outbox.acknowledge(ack(3)) == []
    assert outbox.acknowledge(ack(4)) == []
    assert (len(outbox), outbox.is_due) == (4, True)
    assert taken(outbox) == [2]
    assert outbox.acknowledge(ack(5)) == []
    assert not outbox.is_due
    assert outbox.acknowledge(ack(2)) == [ack(2), ack(3), ack(4), ack(5)]
    assert len(outbox) == 0


def test_lost_again(outbox: Outbox) -> None:
    """What was sent again is lost again only where something sent later is acknowledged."""
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


def test_the_last_acknowledgements_are_lost(outbox: Outbox) -> None:
    """The second reminder sends the last report again, and its answer brings the rest."""
    outbox.remind()
    assert not outbox.is_due
    outbox.remind()
    assert taken(outbox) == [5]
    assert outbox.acknowledge(ack(5)) == []
    assert taken(outbox) == [1, 2, 3, 4]


def test_a_server_that_is_only_slow(outbox: Outbox) -> None:
    """A reminder alone lets nothing count as lost."""
    outbox.remind()
    outbox.remind()
    assert taken(outbox) == [5]
    for block in range(1, 6):
        assert outbox.acknowledge(ack(block)) == [ack(block)]
    assert not outbox.is_due


def test_a_new_connection(outbox: Outbox) -> None:
    """Everything is sent again but what is only waiting to be handed out."""
    outbox.acknowledge(ack(3))
    outbox.connect()
    assert not outbox.is_due
    outbox.repeat(1)
    assert taken(outbox) == [1, 2, 4, 5]
    assert outbox.acknowledge(ack(1)) == [ack(1)]
    assert outbox.acknowledge(ack(2)) == [ack(2), ack(3)]


def test_window() -> None:
    """Of very many reports so many are under way at once, and what is lost goes first."""
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


def test_refused(outbox: Outbox) -> None:
    """A report that is given up holds nobody up, and is not taken in again."""
    assert outbox.acknowledge(ack(2)) == []
    assert (outbox.refuse(1), outbox.refuse(1)) == (True, False)
    assert outbox.ready() == [ack(2)]
    outbox.add(report(1))
    assert taken(outbox) == []


def test_clear(outbox: Outbox) -> None:
    """What is forgotten may be added anew, but for what the server refused."""
    outbox.refuse(1)
    assert outbox.acknowledge(ack(3)) == []
    outbox.clear()
    assert (len(outbox), outbox.is_due, outbox.ready()) == (0, False, [])
    for block in (1, 2, 3):
        outbox.add(report(block))
    assert taken(outbox) == [2, 3]


def test_more_words_about_a_broken_block(outbox: Outbox) -> None:
    """The last word before the hand-out counts; one after it is handed out at once."""
    outbox.acknowledge(ack(2))
    assert outbox.acknowledge(BROKEN) == [BROKEN, ack(2)]
    assert outbox.acknowledge(BROKEN) == [BROKEN]
    assert outbox.acknowledge(ack(2)) == []


def test_any_loss() -> None:
    """Whatever is lost on either way, every verdict is handed out once and in order."""
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
