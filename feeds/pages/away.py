"""What every page says while the database is away, the admin's too."""

from __future__ import annotations

import logging
import time

from django.conf import settings
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, NotSupportedError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

from feeds.running.outages import Outage

log = logging.getLogger(__name__)

OWN_FILES_ONLY = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'"
)
"""The Content-Security-Policy of pages of our own; the admin's scripts need more."""
AWAY = (DatabaseError, InterfaceError)
"""What a database raises that is gone, locked, damaged or not set up ..."""
OUR_FAULTS = (DataError, IntegrityError, NotSupportedError)
"""... but for these, which it raises for what it was asked."""
LOGGED_SECONDS = 60.0
"""Between two lines in the log with the same cause: an open page asks every second."""


class DatabaseAway(MiddlewareMixin):
    """Answers 503, with what to do, in place of a page that could not be made."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the answer, or None where the database has no part in *error*."""
        if not isinstance(error, AWAY) or isinstance(error, OUR_FAULTS):
            return None
        response = render(request, "503.html", {"trouble": no_answer(error)}, status=503)
        response["Content-Security-Policy"] = OWN_FILES_ONLY
        response["Cache-Control"] = "no-store"
        return response


def no_answer(error: DatabaseError | InterfaceError) -> str:
    """Return what to say and do where the database raises *error*, whose words are logged."""
    cause = str(error)
    _CAUSES.note(cause, time.monotonic())
    outage = Outage(
        what="The database does not answer",
        cause=cause,
        then="it must be running, and set up by: python manage.py migrate",
    )
    return outage.sentence(detailed=settings.DEBUG)


class Causes:
    """What goes to the log of it: pages ask again and again."""

    def __init__(self) -> None:
        self._cause: str | None = None
        self._at = 0.0

    def note(self, cause: str, now: float) -> None:
        """Log *cause*, unless that was done within the last `LOGGED_SECONDS`."""
        if cause != self._cause or now - self._at >= LOGGED_SECONDS:
            log.warning("the database does not answer (%s); pages say so", cause)
            self._cause, self._at = cause, now


_CAUSES = Causes()
