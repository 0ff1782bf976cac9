"""The test database from outside of Django, whichever engine it is on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from django.apps import apps
from django.db import connection

IMPATIENT_SECONDS = 0.1


@contextmanager
def elsewhere() -> Iterator[Callable[[str], object]]:
    """Yield a function that executes a statement, and commits it, on a separate connection."""
    if connection.vendor == "sqlite":
        name = connection.settings_dict["NAME"]
        with closing(sqlite3.connect(name, isolation_level=None)) as lite:
            yield lite.execute
    else:
        params = connection.get_connection_params()
        with psycopg.connect(**{**params, "cursor_factory": None}, autocommit=True) as other:
            yield lambda statement: other.execute(statement.encode())


@contextmanager
def locked() -> Iterator[None]:
    """Let nobody else read or write the tables of `feeds`."""
    with elsewhere() as execute:
        if connection.vendor == "sqlite":
            execute("BEGIN EXCLUSIVE")
        else:
            models = apps.get_app_config("feeds").get_models()
            tables = ", ".join(model._meta.db_table for model in models)
            execute(f"BEGIN; LOCK TABLE {tables}")
        try:
            yield
        finally:
            execute("ROLLBACK")


def be_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new connections wait for a lock for `IMPATIENT_SECONDS` only."""
    options = connection.settings_dict["OPTIONS"]
    if connection.vendor == "sqlite":
        monkeypatch.setitem(options, "timeout", IMPATIENT_SECONDS)
    else:
        limit = f"-c lock_timeout={IMPATIENT_SECONDS * 1000:.0f}ms"
        monkeypatch.setitem(options, "options", f"{options['options']} {limit}")
