"""
The effect of open admin pages on live clients, and the age of the values that they show.

Run from the checkout: ``python -m benchmarks.watched``. Five hundred clients
follow a feed: first without any page open, then while the dashboard and the list
of sessions are polled as their scripts do, then without again. The first and the
last window show the noise. Also prints the greatest age of the pages' values.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.cookiejar import CookieJar
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from clientapp.figures.ranks import nearest_rank
from tests.support.crowd import Crowd, Follower, until
from tests.support.stack import Stack

LIVE = 500
RATE = 2
PAUSE_SECONDS = 2.0
"""Polling interval of a visible page, as in dashboard.js and sessions.js."""
ROWS = 50
"""Rows on a page of the list."""
PASSWORD = "correct horse"  # noqa: S105  of an account that lives as long as this program


class Watcher(Follower):
    """A live client that keeps its latencies."""

    def __init__(self, port: int, number: int, feed: str) -> None:
        super().__init__(port, number, feed)
        self.latencies: list[float] = []

    def _take(self, obj: dict[str, Any]) -> None:
        super()._take(obj)
        if obj["type"] == "message":
            self.latencies.append(self.late)


class Operator:
    """A signed-in user with the dashboard and the list of sessions open."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._admin = f"http://127.0.0.1:{stack.port}/admin/"
        self._cookies = CookieJar()
        self._opener = build_opener(HTTPCookieProcessor(self._cookies))
        self.looks: list[float] = []
        """Seconds taken by each answer."""
        self.sample_age = 0.0
        """The greatest age of the dashboard's newest point, in seconds."""
        self.row_age = 0.0
        """The greatest time since a session was last seen, as shown by its row, in seconds."""

    def sign_in(self) -> None:
        """Create an account and sign in."""
        account = ("--noinput", "--username=admin", "--email=admin@example.org")
        self._stack.run("createsuperuser", *account, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
        self._opener.open(f"{self._admin}login/").close()
        token = next(one.value for one in self._cookies if one.name.startswith("csrftoken"))
        said = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": token}
        said["next"] = "/admin/dashboard.json"
        self._opener.open(f"{self._admin}login/", urlencode(said).encode()).close()

    async def watch(self) -> None:
        """Poll both pages until cancelled."""
        await asyncio.gather(self._keep(self._dashboard), self._keep(self._sessions))

    async def _keep(self, look: Callable[[], None]) -> None:
        while True:
            began = time.monotonic()
            await asyncio.to_thread(look)
            self.looks.append(time.monotonic() - began)
            await asyncio.sleep(PAUSE_SECONDS)

    def _dashboard(self) -> None:
        ((newest,),) = self._stack.rows("SELECT max(at) FROM feeds_sample")
        answer = self._get("dashboard.json")
        shown = any(tile["note"] == "over the last 10 s" for tile in answer["tiles"])
        at = datetime.fromisoformat(newest).replace(tzinfo=UTC) if newest and shown else None
        age = (datetime.now(UTC) - at).total_seconds() if at else inf
        self.sample_age = max(self.sample_age, age)

    def _sessions(self) -> None:
        newest = "SELECT id FROM feeds_clientsession ORDER BY connected_at DESC LIMIT ?"
        asked = urlencode([("id", key) for (key,) in self._stack.rows(newest, ROWS)])
        rows = self._get(f"feeds/clientsession/rows.json?{asked}")
        assert len(rows) == ROWS
        ages = [re.fullmatch(r"(\d+) s ago", row["seen"]) for row in rows.values()]
        self.row_age = max(self.row_age, *(float(age[1]) if age else inf for age in ages))

    def _get(self, path: str) -> dict[str, Any]:
        with self._opener.open(self._admin + path) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


async def window(name: str, watchers: list[Watcher], seconds: float) -> None:
    """Print the latencies over *seconds*, or until each client has a message."""
    for watcher in watchers:
        watcher.latencies.clear()
    await asyncio.sleep(seconds)
    await until(lambda: all(watcher.latencies for watcher in watchers))
    late = sorted(one for watcher in watchers for one in watcher.latencies)
    p50, p99 = (nearest_rank(late, percent) * 1000 for percent in (50, 99))
    print(f"{name:<18} {len(late):>7} messages, p50 {p50:6.1f} ms, p99 {p99:6.1f} ms")


async def measure(stack: Stack, seconds: float) -> None:
    """Measure the feed before, while and after the pages are open."""
    crowd = Crowd(stack.port, 0)
    watchers = [Watcher(stack.port, number, "arrays") for number in range(LIVE)]
    crowd.followers[:] = watchers
    await crowd.start()
    operator = Operator(stack)
    await asyncio.to_thread(operator.sign_in)
    await asyncio.sleep(min(seconds, 12))  # for the first sample
    await window("without, before", watchers, seconds)
    watching = asyncio.create_task(operator.watch())
    await until(lambda: len(operator.looks) > 1)
    await window("while watched", watchers, seconds)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await window("without, after", watchers, seconds)
    await crowd.stop()
    is_sampled = operator.sample_age < inf
    sampled = f"{operator.sample_age:.0f} s old at most" if is_sampled else "not there yet"
    print(
        f"{len(operator.looks)} looks, {max(operator.looks) * 1000:.0f} ms at most; newest sample "
        f"{sampled}, sessions seen {operator.row_age:.0f} s ago; "
        f"{sum(one.missed for one in watchers)} messages missed"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="length of a window (default: 20)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            stack.server()
            stack.generator("--feed=arrays", f"--rate={RATE}")
            asyncio.run(measure(stack, options.seconds))
        finally:
            stack.close()


if __name__ == "__main__":
    main()
