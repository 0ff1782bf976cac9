"""The engine itself, in the module and with the name that Django looks for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

from django.db.backends.sqlite3 import base

from feeds import private
from feeds.sqlite.turnstile import Turnstile

WRITES = ("INSERT", "UPDATE", "DELETE")
"""First words of statements that need the lock for writers."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's engine with a turnstile that each write passes."""

    turnstile: Turnstile | None = None
    """None: there is no connection, or the database is in memory."""

    def __init__(self, *settings: Any, **more: Any) -> None:
        super().__init__(*settings, **more)
        self.execute_wrappers.append(self._pass)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect to a file that only its owner may use, and open the turnstile."""
        opened = list[sqlite3.Connection]()

        def keep(*arguments: Any, **options: Any) -> sqlite3.Connection:
            opened.append(sqlite3.Connection(*arguments, **options))
            return opened[-1]

        if not self.is_in_memory_db():
            self._make_private(Path(conn_params["database"]))
        try:
            connection = super().get_new_connection({**conn_params, "factory": keep})
        except Exception:
            # Django's own commands on the new connection may fail, for example if the file is
            # damaged. Nobody else could close it.
            for one in opened:
                one.close()
            raise
        if not self.is_in_memory_db():
            self.turnstile = Turnstile(Path(conn_params["database"]))
        return connection

    @staticmethod
    def _make_private(path: Path) -> None:
        """Make the database if it is missing; SQLite gives its other files the same mode."""
        with suppress(OSError):  # SQLite will raise its own error
            private.make_file(path)
            private.tighten_database(path)

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]  # the stubs lack it
        finally:
            if self.turnstile is not None:
                self.turnstile.close()
                self.turnstile = None

    def _start_transaction_under_autocommit(self) -> None:
        with self._passing():
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # the stubs lack it

    def _pass(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,  # noqa: FBT001  Django's order
        context: Any,
    ) -> Any:
        """Execute a statement; outside of a transaction, a write passes the turnstile itself."""
        if self.in_atomic_block or not sql.startswith(WRITES):
            return execute(sql, params, many, context)
        self.ensure_connection()
        with self._passing():
            return execute(sql, params, many, context)

    def _passing(self) -> AbstractContextManager[None]:
        return nullcontext() if self.turnstile is None else self.turnstile.passing()
