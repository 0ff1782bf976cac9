"""
The cost of the admin's lists with a million block reports.

Run from the checkout: ``python -m benchmarks.admin_lists``. Creates REPORTS
reports of SESSIONS sessions in a temporary SQLite file, then requests each list
through Django's test client. Prints the median time and the number of queries.
The aim is 200 ms each.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django

PAGES = (
    "feed/",
    "clientsession/",
    "clientsession/?status__exact=online",
    "clientsession/?feed=arrays",
    "blockreport/",
    "blockreport/?p=200",
    "blockreport/?verdict__exact=broken",
    "blockreport/?client=client 7",
    "blockreport/?feed=arrays",
    "blockreport/?block_size=5",
    "blockreport/?received_at_from=2026-01-02&received_at_to=2026-01-03",
    "blockreport/?q=client",
    "blockreport/?o=1",
    "blockreport/?o=-4",
    "clientmessage/",
)
BATCH = 5000


def main() -> None:
    """Create the rows, and time each page."""
    parser = argparse.ArgumentParser(description="Time the lists of the admin.")
    parser.add_argument("--reports", type=int, default=1_000_000)
    parser.add_argument("--sessions", type=int, default=10_000)
    # The option that every benchmark has: the time spent on each page.
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BLOCKFEED_VAR"] = folder
        os.environ["DATABASE_URL"] = f"sqlite:///{Path(folder) / 'lists.sqlite3'}"
        os.environ["DJANGO_SETTINGS_MODULE"] = "wsproject.settings"
        django.setup()
        began = time.monotonic()
        _fill(options.sessions, options.reports)
        made = f"{options.reports:,} reports of {options.sessions:,} sessions"
        print(f"{made}, made in {time.monotonic() - began:.0f} s")
        _time_pages(options.seconds)


def _fill(sessions: int, reports: int) -> None:
    from django.core.management import call_command  # noqa: PLC0415  needs the settings

    from feeds.models import BlockReport, ClientSession  # noqa: PLC0415  the same

    call_command("migrate", verbosity=0)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    ClientSession.objects.bulk_create(
        (
            ClientSession(
                key=f"{number:032d}",
                client=f"client {number % 1000}",
                feeds=("users", "arrays", "users arrays")[number % 3],
                block_size=(1, 5, 100)[number % 3],
                status=("online", "away", "left")[number % 3],
                blocks=reports // sessions,
                created_at=start,
                connected_at=start + timedelta(seconds=number),
                seen_at=start + timedelta(seconds=number),
            )
            for number in range(sessions)
        ),
        batch_size=BATCH,
    )
    keys = list(ClientSession.objects.values_list("pk", flat=True))
    for first in range(0, reports, BATCH):
        BlockReport.objects.bulk_create(
            BlockReport(
                session_id=keys[number % sessions],
                number=number // sessions + 1,
                text=f"Client c received {number // sessions + 1} block in 4.002 s time",
                size=5,
                seconds=4.002,
                verdict="broken" if number % 1000 == 0 else "verified",
                clients=sessions,
                received_at=start + timedelta(seconds=number),
            )
            for number in range(first, min(first + BATCH, reports))
        )


def _time_pages(seconds: float) -> None:
    from django.contrib.auth.models import User  # noqa: PLC0415  needs the settings
    from django.db import connection, reset_queries  # noqa: PLC0415  the same
    from django.test import Client  # noqa: PLC0415  the same
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415  the same

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_superuser("admin"))
    for page in PAGES:
        address = f"/admin/feeds/{page}"
        reset_queries()  # with DEBUG, creating the rows has filled the list
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200, address
        times: list[float] = []
        end = time.monotonic() + seconds
        while not times or time.monotonic() < end:
            began = time.monotonic()
            client.get(address)
            times.append(time.monotonic() - began)
        median = statistics.median(times) * 1000
        print(f"{median:7.0f} ms  {len(captured.captured_queries):3} queries  {page}", flush=True)


if __name__ == "__main__":
    main()
