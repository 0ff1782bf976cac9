"""The engine itself, in the module and with the name that Django looks for."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.db.backends.sqlite3 import base

from feeds.sqlite.turnstile import Turnstile


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's engine with a turnstile that each transaction passes."""

    turnstile: Turnstile | None = None
    """None: there is no connection, or the database is in memory."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect, and open the turnstile."""
        connection = super().get_new_connection(conn_params)
        if not self.is_in_memory_db():
            self.turnstile = Turnstile(Path(conn_params["database"]))
        return connection

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]  # the stubs lack it
        finally:
            if self.turnstile is not None:
                self.turnstile.close()
                self.turnstile = None

    def _start_transaction_under_autocommit(self) -> None:
        passing = nullcontext() if self.turnstile is None else self.turnstile.passing()
        with passing:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # the stubs lack it
