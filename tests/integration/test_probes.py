"""The probes of balancers: when a server process is alive, and when it is ready."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from feeds.running.outages import OUTAGES, Outage
from feeds.serving.node import Node
from feeds.serving.probes import DRAINING
from tests.support.database import locked
from tools.waiting import PATIENCE_SECONDS
from wsproject.asgi import application

OUTAGE = Outage(what="It does not work", cause="host db.internal is gone", then="it is retried.")


async def ask(path: str, method: str = "GET", extensions: Any = None) -> tuple[int, Any]:
    """Request *path*; return the status and the JSON of the answer, None if it is empty."""
    asked = {"type": "http", "path": path, "method": method, "extensions": extensions or {}}
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(event: Any) -> None:
        sent.append(event)

    await application(asked, receive, send)
    start, body = sent
    return start["status"], json.loads(body["body"]) if body["body"] else None


async def wait_for(*reasons: str) -> None:
    """Wait until exactly these parts are the reasons not to be ready."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while [*(await ask("/readyz"))[1]["reasons"]] != [*reasons]:
            await asyncio.sleep(0.01)


async def test_process_is_alive_before_it_is_ready() -> None:
    """A process that has not read its feeds yet is alive, and says why it is not ready."""
    assert await ask("/healthz") == (200, {"alive": True})
    reasons = {"start": "The server has not read its feeds yet."}
    assert await ask("/readyz") == (503, {"ready": False, "reasons": reasons})


@pytest.mark.django_db(transaction=True)
async def test_started_process_is_ready(node: Node) -> None:
    """A process that serves its feeds is ready."""
    await wait_for()
    assert await ask("/readyz") == (200, {"ready": True, "reasons": {}})
    assert await ask("/readyz", "HEAD") == (200, None)
    assert await ask("/readyz", "POST") == (405, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("part", "name"),
    [("database", "database"), ("layer", "layer"), ("recorder", "storage"), ("clerk", "clerk")],
)
async def test_outage_of_a_needed_part_is_a_reason(node: Node, part: str, name: str) -> None:
    """The reason is the sentence that everybody may read, without the driver's words."""
    await wait_for()
    OUTAGES.begin(part, OUTAGE)
    try:
        answer = await ask("/readyz")
    finally:
        OUTAGES.end(part)
    reasons = {name: "It does not work; it is retried."}
    assert answer == (503, {"ready": False, "reasons": reasons})


@pytest.mark.django_db(transaction=True)
async def test_draining_process_is_not_ready(node: Node) -> None:
    """A process that is stopping is alive, and sends new clients elsewhere."""
    draining = {DRAINING: True}
    await wait_for()
    assert await ask("/healthz", extensions=draining) == (200, {"alive": True})
    reasons = {"drain": "The server is stopping."}
    assert await ask("/readyz", extensions=draining) == (503, {"ready": False, "reasons": reasons})


@pytest.mark.sqlite("the lock of a file")
@pytest.mark.django_db(transaction=True)
async def test_locked_database_is_a_reason(node: Node) -> None:
    """While another program has the lock of SQLite, new clients should go elsewhere."""
    await wait_for()
    with locked():
        await wait_for("storage")
    await wait_for()


@pytest.mark.django_db(transaction=True)
async def test_old_promises_are_a_reason(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that hangs is a reason long before any driver reports it."""
    await wait_for()
    hangs = threading.Event()
    with monkeypatch.context() as patched:
        patched.setattr(node.catalog, "read", hangs.wait)
        await wait_for("promises")
    hangs.set()
    await wait_for()
