"""The log of HTTP requests, one line each."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.management.color import Style

from feeds.core.peer import NO_PORT, UNIX
from feeds.serving.probes import PROBES

log = logging.getLogger("django.channels.server")

LINE = "HTTP %(method)s %(path)s %(status)s [%(time_taken).2f, %(client)s]"
POLLED = "/status.json", "/dashboard.json", "/rows.json", *PROBES
"""The ends of the paths that open pages and balancers request every few seconds."""


class RequestLog:
    """Daphne's callback for actions; *style* colours the lines printed."""

    def __init__(self, style: Style) -> None:
        self._style = style

    def __call__(self, protocol: str, action: str, details: dict[str, Any]) -> None:
        """
        Print an HTTP request, unless it is polling or for a static file.

        The query is left out: it may hold a session key, even under a misspelt name.
        """
        if protocol == "http" and action == "complete" and not _is_routine(details):
            level, style = _appearance(details["status"])
            # Daphne always adds a port, even if the proxy passes none on.
            client = (details["client"] or UNIX).removesuffix(f":{NO_PORT}")
            path = _path(details)
            shown = {**details, "client": client, "path": path}
            log.log(level, getattr(self._style, style)(LINE), shown)


def _is_routine(details: dict[str, Any]) -> bool:
    """Tell whether this request is repeated so often that logging it is useless."""
    path = _path(details)
    is_file = path.startswith(settings.STATIC_URL) and details["status"] < 400
    return is_file or path.endswith(POLLED)


def _path(details: dict[str, Any]) -> str:
    return str(details["path"]).partition("?")[0]


def _appearance(status: int) -> tuple[int, str]:
    """Return the log level and Django's style name for a response."""
    if status >= 500:
        return logging.ERROR, "HTTP_SERVER_ERROR"
    if status >= 400:
        return logging.WARNING, "HTTP_NOT_FOUND" if status == 404 else "HTTP_BAD_REQUEST"
    if status >= 300:
        return logging.INFO, "HTTP_NOT_MODIFIED" if status == 304 else "HTTP_REDIRECT"
    return logging.INFO, "HTTP_SUCCESS" if status >= 200 else "HTTP_INFO"
