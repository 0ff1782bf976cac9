"""``manage.py prune``: old rows are removed, and needed rows stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from feeds.models import BlockReport, ClientMessage, ClientSession, Connection, Sample
from feeds.storing import ledger, retention, sessions
from tests.integration.test_admin_dashboard import sample
from tests.integration.test_ledger import closed, opened
from tests.support.admin import connect, report

DAY = timedelta(days=1)

pytestmark = pytest.mark.django_db


def prune(*options: str) -> str:
    """Run the command; return its output."""
    out = StringIO()
    call_command("prune", *options, stdout=out)
    return out.getvalue()


@pytest.fixture
def now() -> datetime:
    """Return the time that the command uses."""
    return datetime.now(UTC)


def seen(session: ClientSession, at: datetime, status: str) -> ClientSession:
    """Set when *session* was last seen, and its status."""
    session.seen_at, session.status = at, status
    session.save()
    return session


def test_old_rows_are_removed(now: datetime, settings: Settings) -> None:
    """Each kind of row has its own setting; younger rows stay."""
    settings.KEEP_SAMPLES_DAYS, settings.KEEP_REPORTS_DAYS = 2, 4
    settings.KEEP_MESSAGES_DAYS, settings.KEEP_SESSIONS_DAYS = 6, 8
    settings.KEEP_CONNECTIONS_DAYS = 3
    alice = seen(connect("alice"), now, "online")
    for days in range(1, 11):
        at = now - days * DAY + DAY / 2
        sample(at)
        report(alice, days, received_at=at)
        ClientMessage.objects.create(session=alice, text="hello", received_at=at)
        Connection.objects.create(
            session=alice, peer="x", opened_at=now - 20 * DAY, seen_at=at, closed_at=at
        )
        seen(connect(f"client-{days}"), at, "left" if days % 2 else "away")
    assert "samples: 8 to remove, older than 2 days\nreports: 6 to remove" in prune("--dry-run")
    assert BlockReport.objects.count() == 10
    said = prune()
    assert said == (
        "samples: 8 removed, older than 2 days\nreports: 6 removed, older than 4 days\n"
        "messages: 4 removed, older than 6 days\nconnections: 7 removed, older than 3 days\n"
        "sessions: 2 removed, older than 8 days\n"
    )
    assert Sample.objects.count() == 2
    assert sorted(BlockReport.objects.values_list("number", flat=True)) == [1, 2, 3, 4]
    assert ClientMessage.objects.count() == 6
    assert Connection.objects.count() == 3
    assert ClientSession.objects.count() == 9
    assert "removed" not in prune("--dry-run")


def test_session_is_removed_with_its_rows(now: datetime) -> None:
    """A session that is online stays; one that ended long ago is removed completely."""
    old = now - 100 * DAY
    for name, status in (("alice", "left"), ("bob", "online")):
        session = seen(connect(name), old, status)
        report(session, 1, received_at=now)
        ClientMessage.objects.create(session=session, text="hello", received_at=now)
        Connection.objects.create(session=session, peer="x", opened_at=old, seen_at=old)
    assert "sessions: 1 removed" in prune()
    for model in (BlockReport, ClientMessage, Connection):
        assert [row.session.client for row in model.objects.all()] == ["bob"]


def test_session_that_returns_keeps_the_rest(
    monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    """A session that reconnects between two batches is kept, with the rows that are left."""
    monkeypatch.setattr(retention, "BATCH", 2)
    old = now - 100 * DAY
    alice, bob = (seen(connect(name), old, "away") for name in ("alice", "bob"))
    for session in (alice, bob):
        ClientMessage.objects.create(session=session, text="hello", received_at=old)
        Connection.objects.create(session=session, opened_at=old, seen_at=old, closed_at=old)
        for number in range(1, 4):
            report(session, number, received_at=old)
    batches = retention.remove("sessions", now - DAY)
    next(batches)
    ledger.commit([opened("c1", key=alice.key, at=now)])
    assert sum(batches) == 1
    assert ClientSession.objects.get() == alice
    ledger.commit([replace(closed("c1", left=True), session=alice.key, at=now)])
    alice.refresh_from_db()
    assert (alice.status, alice.forgotten) == ("left", 2)
    assert BlockReport.objects.get().number == 3
    assert ClientMessage.objects.get().session == alice
    assert Connection.objects.count() == 2


def test_client_is_not_asked_for_removed_reports(now: datetime) -> None:
    """A session with pruned reports continues after them, and still finds its holes."""
    alice = connect("alice")
    for number in (1, 2, 3, 4, 6):
        report(alice, number, received_at=now - (60 * DAY if number < 4 else DAY))
    prune("--sessions", "36500")
    found = sessions.find(alice.key)
    assert found is not None
    assert found.blocks == 4
    report(alice, 5, received_at=now)
    assert sessions.find(alice.key) == sessions.KnownSession(("users",), 3, 6)
    BlockReport.objects.update(received_at=now - 60 * DAY)
    prune("--sessions", "36500")
    assert sessions.find(alice.key) == sessions.KnownSession(("users",), 3, 6)


def test_rows_are_removed_in_batches(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """No transaction removes more rows than a batch."""
    monkeypatch.setattr(retention, "BATCH", 2)
    alice = connect("alice")
    for number in range(1, 6):
        report(alice, number)
    assert list(retention.remove("reports", now)) == [2, 2, 1]
    alice.refresh_from_db()
    assert alice.forgotten == 5


def test_old_reports_are_found_by_their_index(now: datetime) -> None:
    """Old reports are found by an index, even among a million."""
    if connection.vendor == "postgresql":  # an empty table needs no index
        connection.cursor().execute("SET enable_seqscan = off")
    with CaptureQueriesContext(connection):
        assert "report_recent" in retention.old("reports", now)[:500].explain()


@pytest.mark.parametrize("days", ["0", "-1", "ten", "1.5", "36501", "\uff19"])
def test_invalid_days_are_refused(days: str) -> None:
    """An invalid number of days ends the command with one sentence."""
    with pytest.raises(CommandError, match="is not allowed: a whole number of days from 1 to"):
        prune(f"--reports={days}")
