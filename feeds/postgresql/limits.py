"""
The limits of a connection to PostgreSQL, so that no wait for it lasts for ever.

By default, PostgreSQL waits without end: a host that died inside a transaction would keep its
locks for two hours, and all others would wait for it. Each limit has
PostgreSQL's or libpq's name, and the address of the database may set it, as in
``postgresql://host/name?statement_timeout=60s``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CONNECT_SECONDS = 3
"""Longest wait for a new connection, per address: a page answers 503 instead of hanging."""
STATEMENT_SECONDS = 15
"""Longest statement. Ours take milliseconds, except the figures over all reports."""
LOCK_SECONDS = 4
"""Longest wait for a lock: longer than `IDLE_SECONDS`, so that the lock of a host that died
is free again before the first process gives up waiting for it."""
IDLE_SECONDS = 2
"""Longest pause inside a transaction. Ours pause for milliseconds, so after this the process is
frozen or its host is dead; PostgreSQL then ends the transaction, which frees its locks. Others wait
at most this long, plus one retry. If a generator is cut off during a promise, its lock is free
before a standby takes the feed (decision 0029)."""
SILENT_SECONDS = 5
"""Time without an answer of the other host's TCP, after which a connection is closed."""
ANSWER_SECONDS = 17
"""Longest wait for an answer to a statement, for a frozen server, whose own limits do not work.
It is longer than `STATEMENT_SECONDS`, so that a working server reports a slow statement
itself."""
PAGE_CONNECTIONS = 8
"""Most connections of one process for its pages, each for one request. A process has a fixed
number of other connections, however many clients and feeds there are."""

OF_THE_DRIVER: Mapping[str, Any] = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": SILENT_SECONDS - 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": SILENT_SECONDS * 1000,
    "fallback_application_name": "blockfeed",
}
"""Parameters of libpq, by which a process notices that the database's host is gone."""
OF_THE_SESSION: Mapping[str, Any] = {
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": f"{LOCK_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    "tcp_keepalives_idle": SILENT_SECONDS - 3,
    "tcp_keepalives_interval": 1,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": SILENT_SECONDS * 1000,
    "client_connection_check_interval": "1s",
}
"""Settings of the session in the server, by which it notices that this process is gone."""


def options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a connection; *given* ones take precedence over the defaults."""
    own = {name: value for name, value in given.items() if name not in OF_THE_SESSION}
    session = {name: given.get(name, value) for name, value in OF_THE_SESSION.items()}
    words = [f"-c {name}={_escaped(value)}" for name, value in session.items()]
    if "options" in own:
        words.append(str(own["options"]))
    return {**OF_THE_DRIVER, **own, "options": " ".join(words)}


def _escaped(value: object) -> str:
    return str(value).replace("\\", r"\\").replace(" ", r"\ ")
