"""The housekeeper: tables and the database stay within their quotas."""

from __future__ import annotations

import asyncio
import logging
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from channels.db import database_sync_to_async
from pytest_django import Settings

from feeds.core.limits import LIMITS
from feeds.models import BlockReport, ClientMessage, ClientSession, Lease
from feeds.running.outages import OUTAGES
from feeds.serving.node import Node
from feeds.storing import leases
from feeds.storing.housekeeper import Housekeeper, look_at_disks
from feeds.storing.quotas import cutoffs, used_bytes
from feeds.storing.retention import KINDS, remove
from tests.support.admin import connect, report
from tools.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC)


def ago(seconds: float) -> datetime:
    """Return the time *seconds* before now."""
    return NOW - timedelta(seconds=seconds)


def say(session: ClientSession, count: int, text: str = "hello") -> None:
    """Store *count* texts, a second apart, the last one now."""
    ClientMessage.objects.bulk_create(
        ClientMessage(session=session, text=text, received_at=ago(count - 1 - number))
        for number in range(count)
    )


def clean() -> None:
    """Remove old rows, as the housekeeper does."""
    for kind, before in cutoffs(NOW).items():
        for _ in remove(kind, before):
            pass


def test_young_rows_within_the_quotas_stay() -> None:
    """If there are not too many rows, only their age counts."""
    say(connect("alice"), 40)
    days = {"samples": 7, "reports": 30, "messages": 30, "connections": 30, "sessions": 90}
    assert cutoffs(NOW) == {kind: NOW - timedelta(days=days[kind]) for kind in KINDS}


def test_table_keeps_its_newest_rows(settings: Settings) -> None:
    """Of a table with too many rows, the newest stay, with room for more."""
    settings.KEEP_MESSAGES_ROWS = 20
    say(connect("alice"), 40)
    clean()
    kept = ClientMessage.objects.order_by("received_at").values_list("received_at", flat=True)
    assert list(kept) == [ago(seconds) for seconds in reversed(range(19))]
    clean()
    assert ClientMessage.objects.count() == 19


def test_online_sessions_stay(settings: Settings) -> None:
    """Sessions in use are neither counted nor removed."""
    settings.KEEP_SESSIONS_ROWS = 2
    for number in range(9):
        session = connect(f"client-{number}")
        session.status = "online" if number < 3 else "left"
        session.seen_at = ago(number)
        session.save()
    clean()
    stayed = ClientSession.objects.order_by("pk").values_list("client", flat=True)
    assert list(stayed) == ["client-0", "client-1", "client-2", "client-3"]


@pytest.mark.sqlite("its size in bytes")
def test_database_gets_smaller_again(settings: Settings) -> None:
    """A database that is too large loses the oldest rows of each table until it fits."""
    say(connect("alice"), 1000, "x" * 4000)
    assert used_bytes() > 4_000_000
    settings.KEEP_MEGABYTES = 2
    for _ in range(3):
        clean()
    assert used_bytes() < 2_000_000
    assert 100 < ClientMessage.objects.count() < 500
    assert ClientMessage.objects.filter(received_at=ago(0)).exists()


async def test_one_session_cannot_displace_others(settings: Settings) -> None:
    """A session with too many reports loses its oldest; its client is not asked for them again."""
    settings.KEEP_SESSION_REPORTS = 20

    def prepare() -> None:
        alice, bob = connect("alice"), connect("bob")
        for number in range(1, 41):
            report(alice, number, received_at=ago(40 - number))
        for number in range(1, 6):
            report(bob, number, received_at=ago(100))
        leases.renew("first", 1, NOW)

    await database_sync_to_async(prepare)()
    housekeeper = Housekeeper("first")
    await housekeeper.keep()
    await housekeeper.stop()
    left = [row.number async for row in BlockReport.objects.filter(session__client="alice")]
    assert sorted(left) == list(range(22, 41))
    assert await BlockReport.objects.filter(session__client="bob").acount() == 5
    assert (await ClientSession.objects.aget(client="alice")).forgotten == 21


async def test_one_process_removes_at_a_time(settings: Settings) -> None:
    """Only the process whose lease comes first removes rows; after its end, the next one does."""
    settings.KEEP_MESSAGES_ROWS = 20

    def prepare() -> None:
        say(connect("alice"), 40)
        for server in ("first", "second"):
            leases.renew(server, 1, NOW)

    await database_sync_to_async(prepare)()
    housekeeper = Housekeeper("second")
    await housekeeper.keep()
    assert await ClientMessage.objects.acount() == 40
    await database_sync_to_async(leases.end)("first")
    await housekeeper.keep()
    assert await ClientMessage.objects.acount() == 19
    await Lease.objects.all().adelete()
    await housekeeper.stop()


def test_full_disk_is_announced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the disk is full, the log says so once, and the pages say so until there is room."""
    free = 999_999_999
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    with caplog.at_level(logging.WARNING, "feeds.storing.housekeeper"):
        look_at_disks()
        look_at_disks()
        sentence = "The disk of the server is nearly full; once it is full, reports wait"
        assert any(said.startswith(sentence) for said in OUTAGES.sentences(detailed=False))
        free = 1_000_000_000
        look_at_disks()
    assert "disk" not in OUTAGES.current()
    first, second = caplog.messages
    assert first.startswith("the disk is nearly full: 999 MB are free in ")
    assert second == "the disk has room again"


@pytest.mark.usefixtures("node_ends")
async def test_node_keeps_house(settings: Settings) -> None:
    """A server process removes rows by itself, once it has a lease."""
    settings.KEEP_MESSAGES_ROWS = 20
    await database_sync_to_async(say)(await database_sync_to_async(connect)("alice"), 40)
    node = Node(replace(LIMITS, heartbeat_seconds=0.05, housekeeping_seconds=0.05))
    await node.start()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await ClientMessage.objects.acount() != 19:
            await asyncio.sleep(0.02)
    await node.stop()
