"""Classification of database errors: an unavailable database, or a bad value."""

from __future__ import annotations

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, NotSupportedError

UNAVAILABLE = (DatabaseError, InterfaceError)
"""The database is unreachable, locked, full, read-only, damaged or not set up ..."""
ABOUT_A_VALUE = (DataError, IntegrityError, NotSupportedError)
"""... except these, which a query or a value causes."""


def is_unavailable(error: BaseException) -> bool:
    """
    Tell whether *error* means that the database is unavailable.

    Drivers use their classes differently: PostgreSQL reports a read-only standby
    and a damaged table as an InternalError, SQLite a damaged file as a plain
    DatabaseError. So every error that is not about a value counts.
    """
    return isinstance(error, UNAVAILABLE) and not isinstance(error, ABOUT_A_VALUE)


def cause_of(error: BaseException) -> str:
    """Return the first line of the driver's text: PostgreSQL's continues with the statement."""
    return str(error).partition("\n")[0]
