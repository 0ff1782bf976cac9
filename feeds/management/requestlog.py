"""The HTTP requests that a server answered, line by line."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.management.color import Style

from feeds.core.peer import NO_PORT

log = logging.getLogger("django.channels.server")

LINE = "HTTP %(method)s %(path)s %(status)s [%(time_taken).2f, %(client)s]"
POLLED = "/status.json"
"""What open pages ask for every second."""


class RequestLog:
    """What Daphne calls for whatever it does; *style* colours what is printed of it."""

    def __init__(self, style: Style) -> None:
        self._style = style

    def __call__(self, protocol: str, action: str, details: dict[str, Any]) -> None:
        """Print an HTTP request, but neither polling, nor static files, nor WebSockets."""
        if protocol == "http" and action == "complete" and not _is_routine(details):
            level, style = _appearance(details["status"])
            # Daphne writes a port in any case, also where a proxy tells none.
            client = (details["client"] or "").removesuffix(f":{NO_PORT}")
            log.log(level, getattr(self._style, style)(LINE), {**details, "client": client})


def _is_routine(details: dict[str, Any]) -> bool:
    """Tell whether every page asks for this, so that it says nothing about anybody."""
    path = str(details["path"])
    is_file = path.startswith(settings.STATIC_URL) and details["status"] < 400
    return is_file or path.startswith(POLLED)


def _appearance(status: int) -> tuple[int, str]:
    """Return the level of a line, and Django's name for its colour."""
    if status >= 500:
        return logging.ERROR, "HTTP_SERVER_ERROR"
    if status >= 400:
        return logging.WARNING, "HTTP_NOT_FOUND" if status == 404 else "HTTP_BAD_REQUEST"
    if status >= 300:
        return logging.INFO, "HTTP_NOT_MODIFIED" if status == 304 else "HTTP_REDIRECT"
    return logging.INFO, "HTTP_SUCCESS" if status >= 200 else "HTTP_INFO"
