"""The engine itself, in the module and with the name that Django looks for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Self

import psycopg
from django.db import OperationalError
from django.db.backends.postgresql import base
from django.db.backends.postgresql.schema import DatabaseSchemaEditor

from feeds.postgresql.connection import PatientConnection
from feeds.postgresql.room import Place


class UnlimitedSchemaEditor(DatabaseSchemaEditor):
    """A schema editor for migrations, which may take as long as they need."""

    def __enter__(self) -> Self:
        """Remove the session's limits: a process that migrates does nothing else."""
        super().__enter__()
        with self.connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0; SET lock_timeout = 0")
        self.connection.connection.answer_seconds = None
        return self


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's engine, with limits on waiting and on the connections of pages."""

    # Django connects by the `connect` of the driver's module.
    Database = SimpleNamespace(**{**vars(psycopg), "connect": PatientConnection.connect})  # type: ignore[assignment]  # it needs no more of a module
    SchemaEditorClass = UnlimitedSchemaEditor
    _place: Place | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; raises OperationalError on failure, or if too many pages are at work."""
        self._free()
        try:
            self._place = Place()
        except TimeoutError as error:
            raise OperationalError(*error.args) from None
        try:
            return super().get_new_connection(conn_params)
        except BaseException:
            self._free()
            raise

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]  # the stubs lack it
        finally:
            self._free()

    def _free(self) -> None:
        if self._place is not None:
            self._place.free()
            self._place = None
