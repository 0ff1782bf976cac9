"""
Answers to scrapes of Prometheus at ``/metrics``.

They need neither Django nor the database, and work even while pages are overloaded.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

from feeds.metrics.access import refusal
from feeds.serving.node import started_node
from feeds.serving.probes import SCRAPED, Application, Receive, Scope, Send, respond

TEXT = "text/plain; charset=utf-8"


class Scrapes:
    """An ASGI application that answers ``/metrics`` to the clients of the setting METRICS."""

    def __init__(self, pages: Application) -> None:
        """Pass every other request on to *pages*."""
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a scrape, or pass the request on."""
        if scope["path"] == SCRAPED:
            await respond(scope, send, *await _answer(scope))
        else:
            await self._pages(scope, receive, send)


async def _answer(scope: dict[str, Any]) -> tuple[int, bytes, str]:
    """Return status, body and content type."""
    why = refusal(
        scope.get("client"),
        scope["headers"],
        settings.METRICS,
        is_behind_proxy=settings.BEHIND_TLS_PROXY,
    )
    if why:
        return 403, f"{why}\n".encode(), TEXT
    node = started_node()
    if node is None:
        return 503, b"The server has not read its feeds yet.\n", TEXT
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    try:
        body, content_type = await node.publisher.answer(accept.decode("latin-1"))
    except OSError as error:
        return 503, f"The folder of metrics cannot be used: {error.strerror}.\n".encode(), TEXT
    return 200, body, content_type
