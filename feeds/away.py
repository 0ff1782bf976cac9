"""What every page says while the database is away, the admin's too."""

from __future__ import annotations

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, NotSupportedError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

OWN_FILES_ONLY = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'"
)
"""The Content-Security-Policy of pages of our own; the admin's scripts need more."""
AWAY = (DatabaseError, InterfaceError)
"""What a database raises that is gone, locked, damaged or not set up ..."""
OUR_FAULTS = (DataError, IntegrityError, NotSupportedError)
"""... but for these, which it raises for what it was asked."""


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
    """Return what to say and do where the database raises *error*."""
    return (
        f"The database does not answer ({error}); "
        "it must be running, and set up by: python manage.py migrate"
    )
