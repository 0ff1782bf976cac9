"""
Answers to the probes of balancers and supervisors.

The event loop itself answers, without a thread or the database: a thread pool that waits for a
hanging database must not make a process look dead.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from feeds.making.observation import OBSERVER
from feeds.running.outages import OUTAGES
from feeds.serving.node import started_node

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

ALIVE, READY, SCRAPED = "/healthz", "/readyz", "/metrics"
PROBES = ALIVE, READY, SCRAPED
"""The paths that are answered without Django; `feeds.serving.scrapes` answers the last one."""
DRAINING = "blockfeed.draining"
"""The extension of a scope whose server is stopping."""
NEEDED = {"database": "database", "layer": "layer", "recorder": "storage", "clerk": "clerk"}
"""The parts without which a process should get no new client, with their names in the answer."""


class Probes:
    """An ASGI application that answers ``/healthz`` and ``/readyz``."""

    def __init__(self, pages: Application) -> None:
        """Pass every other request on to *pages*."""
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a probe, or pass the request on."""
        path = scope["path"]
        if path == ALIVE:
            await _answer(scope, send, 200, {"alive": True})
        elif path == READY:
            reasons = reasons_against(scope)
            status = 503 if reasons else 200
            await _answer(scope, send, status, {"ready": not reasons, "reasons": reasons})
        else:
            await self._pages(scope, receive, send)


def reasons_against(scope: Scope) -> dict[str, str]:
    """Return the reasons to send no new clients here, one sentence per part; empty: none."""
    reasons = {}
    node = started_node()
    if node is None:
        reasons["start"] = "The server has not read its feeds yet."
    else:
        if OBSERVER.unseen_seconds() > node.limits.promise_age_seconds:
            reasons["promises"] = "The promises of the feeds could not be read just now."
        if node.pulse.silent_seconds() > node.limits.write_age_seconds:
            reasons["storage"] = "The database accepts no change: another program locks it."
    if scope.get("extensions", {}).get(DRAINING):
        reasons["drain"] = "The server is stopping."
    outages = OUTAGES.current()
    for part, name in NEEDED.items():
        if part in outages:
            reasons[name] = outages[part].sentence(detailed=False)
    return reasons


async def respond(scope: Scope, send: Send, status: int, body: bytes, content_type: str) -> None:
    """Answer a GET or HEAD request; refuse any other method."""
    is_read = scope["method"] in {"GET", "HEAD"}
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if not is_read:
        status, body, headers = 405, b"", [(b"allow", b"GET, HEAD"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _answer(scope: Scope, send: Send, status: int, value: dict[str, Any]) -> None:
    await respond(scope, send, status, json.dumps(value).encode(), "application/json")
