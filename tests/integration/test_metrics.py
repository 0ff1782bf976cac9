"""The metrics of a process, as Prometheus reads them."""

from __future__ import annotations

import re
import shutil
import sys
from typing import Any

import pytest
from pytest_django import Settings

from feeds.metrics.names import METRICS
from feeds.metrics.readings import disk
from feeds.serving.node import Node
from feeds.serving.refusal import Forbidden
from feeds.storing.facts import Fact, Outcome
from feeds.storing.totals import Totals
from tests.integration.test_ledger import closed, opened
from tests.support.promtool import promtool
from wsproject.asgi import application

HERE = ("127.0.0.1", 50_000)
LINUX = {"blockfeed_open_files", "blockfeed_resident_memory_bytes"}


async def scrape(method: str = "GET", *, client: Any = HERE) -> tuple[int, str]:
    """Request the metrics as *client*; return the status and the body."""
    headers = [(b"host", b"localhost:8000")]
    asked = {"type": "http", "path": "/metrics", "method": method, "headers": headers}
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(event: Any) -> None:
        sent.append(event)

    await application({**asked, "client": client}, receive, send)
    return sent[0]["status"], sent[1]["body"].decode()


@pytest.mark.django_db(transaction=True)
async def test_readings_have_the_names_of_the_list(node: Node, settings: Settings) -> None:
    """A process reads a value for every metric of the list, and no other."""
    readings = node.publisher._readings.read(0.0) | disk()
    named = {metric.name for metric in METRICS}
    if settings.DATABASES["default"]["ENGINE"] != "feeds.sqlite":
        named.discard("blockfeed_database_bytes")
    assert readings.keys() == named - (set() if sys.platform == "linux" else LINUX)
    assert readings["blockfeed_feed_sessions"] == {"users": 0, "arrays": 0}
    labelled = {name for name, values in readings.items() if values.keys() != {""}}
    assert labelled == {metric.name for metric in METRICS if metric.label}


@pytest.mark.django_db(transaction=True)
async def test_page_passes_promtool(node: Node) -> None:
    """The checker of Prometheus finds nothing to criticise."""
    # Nodes of earlier tests have counted, too.
    node.refusals[Forbidden("no").failure.code] += 1_000
    status, body = await scrape()
    assert status == 200
    assert re.search(
        r'^blockfeed_connections_refused_total\{error="bad_request"\} 1\d{3}\.0$',
        body,
        re.MULTILINE,
    )
    assert promtool("check", "metrics", given=body) == (0, "")


@pytest.mark.django_db(transaction=True)
async def test_only_allowed_clients_read_metrics(node: Node, settings: Settings) -> None:
    """Clients outside METRICS get 403 with a sentence; only GET and HEAD are answered."""
    assert await scrape(client=("203.0.113.9", 50_000)) == (
        403,
        "METRICS does not allow 203.0.113.9. Add it to that setting.\n",
    )
    assert (await scrape("HEAD")) == (200, "")
    assert (await scrape("POST")) == (405, "")
    settings.METRICS = []
    assert (await scrape())[0] == 403


async def test_process_that_serves_nothing_yet_has_no_metrics() -> None:
    """Before the server has read its feeds, it answers 503."""
    assert await scrape() == (503, "The server has not read its feeds yet.\n")


@pytest.mark.django_db(transaction=True)
async def test_unusable_folder_is_named(
    node: Node, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """A removed folder is created again; if it cannot be, scrapes get 503, logged once."""
    folder = settings.VAR_DIR / "metrics"
    assert (await scrape())[0] == 200
    shutil.rmtree(folder)
    assert (await scrape())[0] == 200
    shutil.rmtree(folder)
    folder.write_text("in the way")
    try:
        assert await scrape() == (
            503,
            "The folder of metrics cannot be used: File exists.\n",
        )
        await node.publisher.beat()
        await node.publisher.beat()
        assert caplog.text.count("metrics cannot be written: ") == 1
    finally:
        folder.unlink()


def test_close_codes_that_clients_invent_are_counted_together() -> None:
    """A client may send any code; it gets no metric of its own."""
    totals = Totals()
    facts: list[Fact] = [opened(), *(closed(code=code) for code in (1000, 4001, 3333, 4999))]
    totals.add(facts, [Outcome()] * 5)
    assert totals.closed == {"1000": 1, "4001": 1, "other": 2}
    assert (totals.opened, totals.facts, totals.commits) == (1, 5, 1)
