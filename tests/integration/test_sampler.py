"""The history of a server process, stored as samples."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from channels.layers import get_channel_layer
from pytest_django import Settings

from clientapp.wire.report import Clock, Latency, Report
from clientapp.wire.verdict import Verdict
from feeds.core.hub import Hub
from feeds.core.judgement import Judgement
from feeds.core.limits import LIMITS
from feeds.fanout.passes import python_pass
from feeds.layer.replacer import Replacer
from feeds.models import Sample
from feeds.running.outages import Outage, Outages
from feeds.running.worker import Worker
from feeds.storing import presence as presence_module
from feeds.storing import samples as module
from feeds.storing.facts import Outcome, PlainReport, Reported
from feeds.storing.presence import Presence
from feeds.storing.recorder import Recorder
from feeds.storing.samples import Look, Sampler
from tests.integration.test_ledger import BROKEN, VERIFIED, opened, reported
from tests.support.database import be_impatient, locked
from tests.support.hub_parts import ByHand, Recoveries

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def look(clock: float, *, sent: int = 0, **changes: Any) -> Look:
    """Return a look at *clock* seconds after the start."""
    seen = Look(
        at=NOW + timedelta(seconds=clock),
        clock=clock,
        sessions=0,
        sent=Counter({"users": sent}),
        worst_lag=0,
        readers={},
        unavailable=[],
    )
    return replace(seen, **changes)


def stored(number: int, seconds: float = 1.0, judgement: Judgement = VERIFIED) -> Reported:
    """Return a report of a client that knows the server's clock."""
    fact = reported(number, seconds, judgement=judgement)
    assert isinstance(fact.report, Report)
    return replace(fact, report=replace(fact.report, clock=Clock(offset=0.5, error=0.001)))


def note(sampler: Sampler, *facts: Reported, is_new: bool = True) -> None:
    """Pass *facts* to *sampler* as just stored, with an ideal of half a second."""
    outcomes = [Outcome(judgement=fact.judgement, is_new=is_new, ideal=0.5) for fact in facts]
    sampler.note(facts, outcomes)


def keep(sampler: Sampler, seen: Look) -> Sample:
    """Take and store a sample; return it."""
    sampler.take(seen)
    sampler.store()
    newest = Sample.objects.order_by("at").last()
    assert newest is not None
    return newest


def test_figures_match_a_calculation_by_hand() -> None:
    """A sample counts only its own period, and has its nearest ranks."""
    sampler = Sampler("one", 0.0)
    note(sampler, *(stored(number, 0.5 + number / 64) for number in range(1, 101)))
    note(sampler, stored(101, 9.0, BROKEN))
    first = keep(sampler, look(10.0, sessions=3, sent=500, worst_lag=7))
    assert (first.server, first.at, first.seconds) == ("one", NOW + timedelta(seconds=10), 10.0)
    assert (first.sessions, first.messages, first.worst_lag) == (3, 500, 7)
    assert (first.blocks, first.verified, first.broken) == (101, 100, 1)
    # The broken block of 9 s is in no figure.
    assert (first.overhead_p50, first.overhead_p99) == (50 / 64, 99 / 64)
    assert (first.left_out, first.plain, first.plain_p50) == (1, 0, None)
    assert (first.latency_p50, first.latency_p99) == (0.001, 0.002)
    second = keep(sampler, look(25.0, sent=560))
    assert (second.seconds, second.messages, second.blocks) == (15.0, 60, 0)
    assert (second.overhead_p50, second.latency_p99, second.left_out) == (None, None, 0)


def test_only_new_reports_count() -> None:
    """A report that was sent again, or is in conflict, does not count in the period."""
    sampler = Sampler("one", 0.0)
    note(sampler, stored(1), is_new=False)
    sampler.note([stored(1)], [Outcome()])
    assert keep(sampler, look(10.0)).blocks == 0


def test_interrupted_block_is_in_no_figure() -> None:
    """A block caught up after a restart is counted, but its time and latency are not."""
    sampler = Sampler("one", 0.0)
    fact = stored(1, 0.0001)
    assert isinstance(fact.report, Report)
    late = Latency(p50=8.0, p99=15.0, max=15.0)
    report = replace(fact.report, interrupted=True, latency=late)
    note(sampler, replace(fact, report=report), stored(2, 1.0))
    sample = keep(sampler, look(10.0))
    assert (sample.blocks, sample.verified, sample.left_out) == (2, 2, 1)
    assert (sample.overhead_p50, sample.overhead_p99, sample.latency_p99) == (0.5, 0.5, 0.002)


def test_plain_client_has_a_separate_block_time() -> None:
    """Sentences are a separate series without latency, because they cannot be checked."""
    sampler = Sampler("one", 0.0)
    unknown = Judgement(Verdict.UNVERIFIABLE, "no digest")
    text = "Client alice received 1 block in 4.002 time"
    plain = PlainReport(client="alice", number_said=1, seconds=4.002, text=text, size=3)
    note(sampler, replace(stored(1, judgement=unknown), report=plain))
    sample = keep(sampler, look(10.0))
    assert (sample.blocks, sample.verified, sample.broken) == (1, 0, 0)
    assert (sample.plain, sample.plain_p50, sample.plain_p99) == (1, 4.002, 4.002)
    assert (sample.overhead_p50, sample.latency_p50, sample.left_out) == (None, None, 0)


def test_latencies_by_the_clients_own_clock_are_left_out() -> None:
    """Latencies by a clock that is five minutes fast count in no percentile; the block counts."""
    sampler = Sampler("one", 0.0)
    fast = reported(1, 3.0)
    assert isinstance(fast.report, Report)
    late = Latency(p50=300.0, p99=300.0, max=300.0)
    fast = replace(fast, report=replace(fast.report, latency=late))
    note(sampler, fast)
    alone = keep(sampler, look(10.0))
    assert (alone.blocks, alone.overhead_p99) == (1, 2.5)
    assert (alone.latency_p50, alone.latency_p99) == (None, None)
    note(sampler, fast, stored(2))
    sample = keep(sampler, look(20.0))
    assert (sample.blocks, sample.overhead_p99) == (2, 2.5)
    assert (sample.latency_p50, sample.latency_p99) == (0.001, 0.002)


def test_measured_reports_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All reports are counted, but percentiles use a bounded number of them."""
    monkeypatch.setattr(module, "MOST_MEASURED", 3)
    sampler = Sampler("one", 0.0)
    note(sampler, *(stored(number) for number in range(1, 11)))
    assert len(sampler._tally.measured) == 3
    sample = keep(sampler, look(10.0))
    assert (sample.blocks, sample.overhead_p50) == (10, 0.5)


def test_waiting_samples_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Samples that could not be stored are stored later; only the newest few are kept."""
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    sampler = Sampler("one", 0.0)
    for clock in (10.0, 20.0, 30.0):
        sampler.take(look(clock))
    sampler.store()
    sampler.store()
    assert list(Sample.objects.order_by("at").values_list("at", flat=True)) == [
        NOW + timedelta(seconds=clock) for clock in (20, 30)
    ]


def test_old_samples_are_removed_in_batches(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """The table bounds itself by removing samples that are too old, oldest first."""
    monkeypatch.setattr(module, "REMOVED_AT_ONCE", 2)
    settings.KEEP_SAMPLES_DAYS = 2
    sampler = Sampler("one", 0.0)
    days = 86_400.0
    for clock in (1.0, 2.0, 3.0, days):
        keep(sampler, look(clock))
    keep(sampler, look(2 * days + 2.5))
    assert Sample.objects.count() == 3
    keep(sampler, look(2 * days + 3.5))
    kept = Sample.objects.order_by("at").values_list("at", flat=True)
    assert list(kept) == [
        NOW + timedelta(seconds=clock) for clock in (days, 2 * days + 2.5, 2 * days + 3.5)
    ]


class Taker:
    """A writer that takes everything."""

    descriptor = -1

    def write(self, frames: bytes) -> bool:
        """Accept any text."""
        return True


@pytest.mark.django_db(transaction=True)
async def test_presence_stores_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample has connections, messages, lag and blocks; the end stores the last period."""
    be_impatient(monkeypatch)
    hub = Hub(LIMITS, python_pass, Recoveries(), ByHand())
    hub.open_stream("users", 0)
    readers = [hub.subscribe(Taker(), {"users": 0}) for _ in range(2)]
    for _ in hub.turns():
        pass
    late = hub.subscribe(Taker(), {"users": 0})
    late.blocked = True
    hub.publish("users", 1, [b"\x81\x01a", b"\x81\x01b", b"\x81\x01c"])
    for _ in hub.turns():
        pass
    database, sampler = Worker("database"), Sampler("one", 0.0)
    recorder = Recorder(LIMITS, sampler=sampler)
    presence = Presence(
        server="one",
        limits=LIMITS,
        hub=hub,
        database=database,
        sampler=sampler,
        recorder=recorder,
        replacer=Replacer(get_channel_layer(), LIMITS.layer_seconds),
    )
    for number, reader in enumerate((*readers, late)):
        presence.enter(reader, f"c{number}", f"key-{number}")
    for fact in (opened(), reported(1), reported(2, judgement=BROKEN), reported(1)):
        recorder.record(fact)
    await recorder._commit()
    outages = Outages()
    monkeypatch.setattr(presence_module, "OUTAGES", outages)
    outages.begin("layer", Outage(what="It is away", cause="", then="wait."))
    try:
        with locked():
            await presence.keep()
        assert not await Sample.objects.aexists()
        outages.end("layer")
        await presence.keep()
        recorder.record(reported(3))
        await recorder._commit()
        await presence.finish()
    finally:
        await recorder.stop()
        await database.stop()
    first, second, last = [sample async for sample in Sample.objects.order_by("at")]
    assert (last.blocks, last.verified) == (1, 1)
    assert (first.sessions, first.messages, first.worst_lag) == (3, 6, 3)
    assert (first.blocks, first.verified, first.broken) == (2, 1, 1)
    assert (second.sessions, second.messages, second.blocks) == (3, 0, 0)
    assert (first.feeds, second.feeds) == ({"users": [3, 6, 3]}, {"users": [3, 0, 3]})
    assert (first.unavailable, second.unavailable, last.unavailable) == ("layer", "layer", "")


def test_feeds_are_told_apart() -> None:
    """A sample has the sessions, messages and worst lag of each feed that was in use."""
    sampler = Sampler("one", 0.0)
    sent = Counter({"users": 500, "arrays": 30, "gone": 20})
    readers = {"users": (3, 7), "arrays": (1, 0)}
    first = keep(sampler, replace(look(10.0), sent=sent, readers=readers))
    assert first.messages == 550
    assert first.feeds == {"users": [3, 500, 7], "arrays": [1, 30, 0], "gone": [0, 20, 0]}
    sent = sent + Counter({"arrays": 5})
    second = keep(sampler, replace(look(20.0), sent=sent, readers=readers))
    assert second.feeds == {"arrays": [1, 5, 0], "users": [3, 0, 7]}


def test_feeds_of_a_sample_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With many feeds the busiest have their own figures; all are counted."""
    monkeypatch.setattr(module, "MOST_FEEDS", 2)
    sent = Counter({"a": 1, "b": 3, "c": 2})
    sample = keep(Sampler("one", 0.0), replace(look(10.0), sent=sent))
    assert (sample.messages, sample.feeds) == (6, {"b": [0, 3, 0], "c": [0, 2, 0]})
