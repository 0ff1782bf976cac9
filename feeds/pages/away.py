"""The answer of every page, admin included, while the database is unavailable."""

from __future__ import annotations

import logging
import time

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

from feeds.running.database import cause_of, is_unavailable
from feeds.running.outages import Outage

log = logging.getLogger(__name__)

OWN_FILES_ONLY = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'"
)
"""The Content-Security-Policy of our own pages; the admin's scripts need more."""
LOGGED_SECONDS = 60.0
"""Interval of log lines with the same cause: open pages ask every second."""


class DatabaseAway(MiddlewareMixin):
    """Middleware that answers 503, with advice, if the database is unavailable."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the answer, or None if *error* has another cause."""
        if not is_unavailable(error):
            return None
        response = render(request, "503.html", {"trouble": no_answer(error)}, status=503)
        response["Content-Security-Policy"] = OWN_FILES_ONLY
        response["Cache-Control"] = "no-store"
        return response


def no_answer(error: Exception) -> str:
    """Return a sentence with the advice for *error*, and log its cause."""
    cause = cause_of(error)
    _CAUSES.note(cause, time.monotonic())
    outage = Outage(
        what="The database does not answer",
        cause=cause,
        then="it must be running, and set up by: python manage.py migrate",
    )
    return outage.sentence(detailed=settings.DEBUG)


class Causes:
    """The log of causes, without repeats: open pages request data again and again."""

    def __init__(self) -> None:
        self._cause: str | None = None
        self._at = 0.0

    def note(self, cause: str, now: float) -> None:
        """Log *cause*, unless it was logged within the last `LOGGED_SECONDS`."""
        if cause != self._cause or now - self._at >= LOGGED_SECONDS:
            log.warning("the database does not answer (%s); pages say so", cause)
            self._cause, self._at = cause, now


_CAUSES = Causes()
