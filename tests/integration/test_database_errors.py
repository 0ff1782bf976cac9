"""The classification of database errors."""

from __future__ import annotations

import pytest
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)

from feeds.running.database import is_unavailable


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("database is locked"),
        DatabaseError("file is not a database"),
        InternalError("cannot execute INSERT in a read-only transaction"),
        InterfaceError("connection already closed"),
        ProgrammingError('relation "feeds_feed" does not exist'),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_unavailable_database_is_waited_for(error: Exception) -> None:
    """The class that a driver chooses for an unavailable database does not matter."""
    assert is_unavailable(error)


@pytest.mark.parametrize(
    "error",
    [
        DataError("value too long"),
        IntegrityError("UNIQUE constraint failed"),
        OverflowError("Python int too large to convert to SQLite INTEGER"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        KeyError("a mistake of ours"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_wrong_value_is_not_waited_for(error: Exception) -> None:
    """Waiting does not help if a value, or the program, causes the error."""
    assert not is_unavailable(error)
