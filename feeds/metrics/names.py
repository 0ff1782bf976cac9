"""
The closed list of metrics: every name, with its type, unit and meaning.

``docs/reference/metrics.md`` has the same list. A metric has at most one label, whose
values are bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Values = dict[str, dict[str, float]]
"""Numbers by the name of their metric and the value of its label, empty if it has none."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric."""

    name: str
    kind: Literal["counter", "gauge"]
    merge: Literal["sum", "max", "min"]
    """The rule that combines the values of several processes; counters are always summed."""
    unit: str
    about: str
    label: str = ""


def _counter(name: str, unit: str, about: str, label: str = "") -> Metric:
    return Metric(name, "counter", "sum", unit, about, label)


def _sum(name: str, unit: str, about: str, label: str = "") -> Metric:
    return Metric(name, "gauge", "sum", unit, about, label)


def _most(name: str, unit: str, about: str, label: str = "") -> Metric:
    return Metric(name, "gauge", "max", unit, about, label)


def _least(name: str, unit: str, about: str, label: str = "") -> Metric:
    return Metric(name, "gauge", "min", unit, about, label)


METRICS = (
    _sum("blockfeed_processes", "processes", "Server processes that are running."),
    _least(
        "blockfeed_start_time_seconds",
        "seconds",
        "When the oldest server process began, since 1970.",
    ),
    _counter("blockfeed_cpu_seconds_total", "seconds", "Processor time, without children."),
    _sum("blockfeed_resident_memory_bytes", "bytes", "Memory in use, without children."),
    _most("blockfeed_open_files", "files", "Open files of the process that has the most."),
    _least("blockfeed_open_files_limit", "files", "The lowest limit on open files of a process."),
    _most("blockfeed_loop_delay_seconds", "seconds", "The last delay of the event loop's timer."),
    _counter("blockfeed_child_starts_total", "processes", "Starts of child processes.", "child"),
    _sum("blockfeed_sessions", "sessions", "Sessions that are connected."),
    _sum("blockfeed_sessions_limit", "sessions", "Sessions that may be connected."),
    _sum("blockfeed_sessions_blocked", "sessions", "Sessions whose socket accepts no more data."),
    _sum("blockfeed_sessions_recovering", "sessions", "Sessions that wait for old messages."),
    _counter(
        "blockfeed_connections_opened_total", "connections", "Connections whose opening was stored."
    ),
    _counter(
        "blockfeed_connections_closed_total",
        "connections",
        "Connections whose end was stored.",
        "code",
    ),
    _counter(
        "blockfeed_connections_refused_total",
        "connections",
        "Connections that were refused.",
        "error",
    ),
    _counter(
        "blockfeed_messages_sent_total",
        "messages",
        "Messages sent, counted once per client.",
        "feed",
    ),
    _counter(
        "blockfeed_messages_filled_total",
        "messages",
        "Messages that were not pushed in time, so the server generated them.",
    ),
    _counter(
        "blockfeed_messages_recovered_total",
        "messages",
        "Old messages that were regenerated for sessions.",
    ),
    _counter("blockfeed_gaps_total", "gaps", "Gaps sent because messages cannot be regenerated."),
    _counter("blockfeed_rollbacks_total", "rollbacks", "Feeds whose history was rolled back."),
    _most("blockfeed_worst_lag_messages", "messages", "Lag of the session furthest behind."),
    _sum("blockfeed_feed_sessions", "sessions", "Sessions that read the feed.", "feed"),
    _most(
        "blockfeed_feed_worst_lag_messages",
        "messages",
        "Lag of the feed's session furthest behind.",
        "feed",
    ),
    _most("blockfeed_feed_head_offset", "offset", "The newest offset of the feed.", "feed"),
    _most(
        "blockfeed_feed_promised_offset",
        "offset",
        "The last offset of the feed that is promised.",
        "feed",
    ),
    _most("blockfeed_feed_rate", "messages per second", "The feed's rate.", "feed"),
    _most("blockfeed_feed_enabled", "0 or 1", "Whether the feed is switched on.", "feed"),
    _least(
        "blockfeed_feed_running",
        "0 or 1",
        "Whether messages of the feed arrive, in every process.",
        "feed",
    ),
    _most(
        "blockfeed_feed_delay_seconds", "seconds", "How late the feed's next message is.", "feed"
    ),
    _most("blockfeed_promise_age_seconds", "seconds", "Time since promises were last read."),
    _most("blockfeed_write_age_seconds", "seconds", "Time since SQLite accepted a change."),
    _counter("blockfeed_blocks_total", "blocks", "Reports stored for the first time.", "verdict"),
    _counter("blockfeed_texts_total", "texts", "Texts of clients that were stored."),
    _counter(
        "blockfeed_facts_stored_total",
        "facts",
        "Openings and ends of connections, reports and texts that were stored.",
    ),
    _counter(
        "blockfeed_facts_rejected_total",
        "facts",
        "Openings and ends of connections, reports and texts rejected: too many waited.",
    ),
    _counter(
        "blockfeed_facts_set_aside_total",
        "facts",
        "Openings and ends of connections, reports and texts refused by the database.",
    ),
    _sum(
        "blockfeed_facts_waiting",
        "facts",
        "Openings and ends of connections, reports and texts waiting to be stored.",
    ),
    _counter("blockfeed_commits_total", "commits", "Transactions that stored facts."),
    _counter("blockfeed_commit_failures_total", "commits", "Transactions that failed."),
    _sum("blockfeed_samples_waiting", "samples", "Points of the history waiting to be stored."),
    _most("blockfeed_unavailable", "0 or 1", "Whether a part is unavailable.", "part"),
    _most("blockfeed_database_bytes", "bytes", "Size of the SQLite database, with its WAL."),
    _least("blockfeed_disk_free_bytes", "bytes", "Free space in the folder of local state."),
)
BY_NAME = {metric.name: metric for metric in METRICS}
PARTS = ("database", "layer", "recorder", "clerk", "maker", "disk")
"""The parts of a process whose outages are shown."""
