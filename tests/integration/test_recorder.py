"""The queue of facts, with a database that answers and with one that does not."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from clientapp.wire.verdict import Verdict
from feeds.core.judgement import Judgement
from feeds.core.limits import LIMITS
from feeds.models import ClientMessage
from feeds.running.outages import Outages
from feeds.storing import recorder as module
from feeds.storing.facts import Opened, Outcome, Reopened, Said
from feeds.storing.recorder import Recorder
from tests.integration.test_ledger import reported
from tests.support.database import elsewhere, locked
from tools.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = "key-of-a-session-1"
OPENED = Opened(
    session=KEY,
    client="alice",
    feeds=("users",),
    block_size=1,
    server="one",
    channel="c1",
    peer="127.0.0.1:5000",
    at=NOW,
)


def said(text: str) -> Said:
    """Return the fact of a text."""
    return Said(session=KEY, text=text, at=NOW)


@pytest.fixture
def outages(monkeypatch: pytest.MonkeyPatch) -> Outages:
    """Give a test outages of its own."""
    own = Outages()
    monkeypatch.setattr(module, "OUTAGES", own)
    return own


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    """Run a recorder for the test."""
    one = Recorder(LIMITS)
    task = asyncio.ensure_future(one.run())
    yield one
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await one.stop()


async def test_facts_are_stored_in_order_and_answered(recorder: Recorder) -> None:
    """Each fact is answered after the commit, in order of arrival."""
    answers: list[Outcome] = []
    recorder.record(OPENED, answers.append)
    for number in range(2500):
        assert recorder.record(said(str(number)), answers.append)
    assert await recorder.flush(PATIENCE_SECONDS)
    assert len(answers) == 2501
    texts = [row.text async for row in ClientMessage.objects.order_by("pk")]
    assert texts == [str(number) for number in range(2500)]


async def test_facts_wait_while_the_database_is_locked(recorder: Recorder) -> None:
    """Facts that arrive while the database is locked are stored when it is free."""
    with locked():
        recorder.record(OPENED)
        recorder.record(said("in the dark"))
        assert not await recorder.flush(0.3)
    assert await recorder.flush(PATIENCE_SECONDS)
    assert (await ClientMessage.objects.aget()).text == "in the dark"


@pytest.mark.sqlite("the file of a database")
async def test_facts_wait_while_the_database_is_damaged(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Facts that arrive while the database's file is damaged are stored once it is restored."""
    damaged = tmp_path / "damaged"
    damaged.write_bytes(bytes(4096))
    with monkeypatch.context() as meanwhile:
        meanwhile.setitem(connection.settings_dict, "NAME", str(damaged))
        recorder.record(OPENED)
        recorder.record(said("in the dark"))
        assert not await recorder.flush(0.3)
    assert await recorder.flush(PATIENCE_SECONDS)
    assert (await ClientMessage.objects.aget()).text == "in the dark"


async def test_too_many_facts_are_refused() -> None:
    """A recorder that cannot commit refuses facts beyond its bound."""
    recorder = Recorder(replace(LIMITS, waiting_facts=3))
    assert [recorder.record(said(str(n))) for n in range(4)] == [True, True, True, False]
    await recorder.stop()


async def test_fact_that_cannot_be_stored_is_set_aside(
    recorder: Recorder,
    outages: Outages,
    settings: Settings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A fact that the database refuses goes to a private file; the others are stored."""
    settings.VAR_DIR = tmp_path
    recorder.record(OPENED)
    recorder.record(said("before"))
    recorder.record(said("half a pair: \ud800"))
    recorder.record(said("after"))
    assert await recorder.flush(PATIENCE_SECONDS)
    texts = [row.text async for row in ClientMessage.objects.order_by("pk")]
    assert texts == ["before", "after"]
    path = tmp_path / "set_aside.jsonl"
    (line,) = path.read_text().splitlines()
    kept = json.loads(line)
    assert (kept["kind"], kept["fact"]["text"]) == ("Said", "half a pair: \ud800")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path) in caplog.text
    assert OPENED.session not in caplog.text
    assert "it was set aside" in outages.sentences(detailed=False)[0]
    assert outages.seen() == []


async def test_presence_hears_of_a_fact_that_was_set_aside(
    recorder: Recorder, outages: Outages, settings: Settings, tmp_path: Path
) -> None:
    """The process may record it again. A report gets no answer: its client would send it again."""
    settings.VAR_DIR = tmp_path
    heard: list[Outcome] = []
    unheard: list[Outcome] = []
    recorder.record(OPENED)
    recorder.record(Reopened(session=KEY, channel="\ud800"), heard.append)
    refused = replace(reported(1), session=KEY, judgement=Judgement(Verdict.BROKEN, "\ud800"))
    recorder.record(refused, unheard.append)
    assert await recorder.flush(PATIENCE_SECONDS)
    lines = (tmp_path / "set_aside.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds == ["Reopened", "Reported"]
    assert heard == [Outcome(kept=False)]
    assert unheard == []


async def test_opening_is_set_aside_once(
    recorder: Recorder, outages: Outages, settings: Settings, tmp_path: Path
) -> None:
    """Later facts of its session, which stays unknown, do not queue the opening again."""
    settings.VAR_DIR = tmp_path
    heard: list[Outcome] = []
    recorder.record(replace(OPENED, peer="\ud800"))
    recorder.record(said("of nobody"), heard.append)
    assert await recorder.flush(PATIENCE_SECONDS)
    assert heard == [Outcome(kept=False)]
    assert len((tmp_path / "set_aside.jsonl").read_text().splitlines()) == 1


async def test_fact_waits_while_the_database_takes_nothing(
    recorder: Recorder, outages: Outages, settings: Settings, tmp_path: Path
) -> None:
    """A refused fact is set aside only if a write of another row succeeds."""
    settings.VAR_DIR = tmp_path
    recorder.record(OPENED)
    assert await recorder.flush(PATIENCE_SECONDS)
    with elsewhere() as execute:
        execute("ALTER TABLE feeds_sample RENAME TO feeds_sample_gone")
        recorder.record(said("half a pair: \ud800"))
        assert not await recorder.flush(0.3)
        assert not (tmp_path / "set_aside.jsonl").exists()
        execute("ALTER TABLE feeds_sample_gone RENAME TO feeds_sample")
    assert await recorder.flush(PATIENCE_SECONDS)
    assert (tmp_path / "set_aside.jsonl").exists()
    assert len(outages.sentences(detailed=False)) == 1, "the outage is not over"
