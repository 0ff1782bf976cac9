"""A connection to PostgreSQL that does not wait for ever for an answer."""

from __future__ import annotations

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

from feeds.postgresql.limits import ANSWER_SECONDS

T = TypeVar("T")


class PatientConnection(psycopg.Connection[Any]):
    """
    A connection that is closed if the server does not answer within `answer_seconds`.

    PostgreSQL enforces its own limits, but not while it is frozen; even then, its host's TCP
    acknowledges data.
    """

    answer_seconds: float | None = ANSWER_SECONDS
    """Longest wait for an answer; None: no limit."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Return the answer; raises psycopg.OperationalError after closing the connection."""
        if timeout is not None or self.answer_seconds is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.answer_seconds)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001  psycopg has no public name for it
            self.pgconn.finish()
            sentence = f"the server did not answer for {self.answer_seconds:g} s"
            raise psycopg.OperationalError(sentence) from None
