"""
The values of one server process, read from its parts.

The parts count in plain numbers, or not at all; a reading collects these once a second. So
metrics delay no message, frame or connection.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from feeds.core.hub import Hub
from feeds.core.limits import Limits
from feeds.fanout.intake import Intake
from feeds.fanout.recovery import Recovery
from feeds.making.catalog import Catalog
from feeds.making.diagnosis import DELAYS
from feeds.making.observation import OBSERVER
from feeds.metrics.names import PARTS, Values
from feeds.running.child import Child
from feeds.running.outages import OUTAGES
from feeds.storing.presence import Presence
from feeds.storing.pulse import Pulse
from feeds.storing.recorder import Recorder
from feeds.storing.samples import Sampler

PROC = Path("/proc/self")
"""The kernel's files about this process; Linux only."""
BEGAN = time.time()

Flat = dict[str, float]
ByLabel = dict[str, dict[str, float]]


class Readings:
    """The values of a process, from its parts."""

    def __init__(
        self,
        *,
        limits: Limits,
        hub: Hub,
        catalog: Catalog,
        intake: Intake,
        recovery: Recovery,
        presence: Presence,
        recorder: Recorder,
        sampler: Sampler,
        pulse: Pulse,
        children: Sequence[Child],
        refusals: Counter[str],
    ) -> None:
        """Read these parts; *refusals* counts refused connections by error."""
        self._limits = limits
        self._hub = hub
        self._catalog = catalog
        self._intake = intake
        self._recovery = recovery
        self._presence = presence
        self._recorder = recorder
        self._sampler = sampler
        self._pulse = pulse
        self._children = children
        self._refusals = refusals

    def read(self, loop_delay: float) -> Values:
        """
        Return the current values without the ones of `disk`; to be called by the event loop.

        *loop_delay* is the last delay of the loop's timer, in seconds.
        """
        flat = {
            "blockfeed_processes": 1,
            "blockfeed_loop_delay_seconds": loop_delay,
            **_process(),
            **self._clients(),
            **self._storage(),
        }
        return {**{name: {"": value} for name, value in flat.items()}, **self._by_label()}

    def _clients(self) -> Flat:
        subscribers = self._hub.subscribers
        return {
            "blockfeed_sessions": self._presence.sessions,
            "blockfeed_sessions_limit": self._limits.connections,
            "blockfeed_sessions_blocked": sum(one.blocked for one in subscribers),
            "blockfeed_sessions_recovering": sum(bool(one.recovering) for one in subscribers),
            "blockfeed_messages_filled_total": self._intake.filled,
            "blockfeed_messages_recovered_total": self._recovery.recovered,
            "blockfeed_gaps_total": self._recovery.gaps,
            "blockfeed_rollbacks_total": self._intake.rollbacks,
            "blockfeed_worst_lag_messages": self._hub.worst_lag(),
        }

    def _storage(self) -> Flat:
        totals = self._recorder.totals
        return {
            "blockfeed_promise_age_seconds": OBSERVER.unseen_seconds(),
            "blockfeed_write_age_seconds": self._pulse.silent_seconds(),
            "blockfeed_connections_opened_total": totals.opened,
            "blockfeed_texts_total": totals.texts,
            "blockfeed_facts_stored_total": totals.facts,
            "blockfeed_facts_rejected_total": totals.rejected,
            "blockfeed_facts_set_aside_total": totals.set_aside,
            "blockfeed_facts_waiting": self._recorder.waiting,
            "blockfeed_commits_total": totals.commits,
            "blockfeed_commit_failures_total": totals.failures,
            "blockfeed_samples_waiting": self._sampler.waiting,
        }

    def _by_label(self) -> ByLabel:
        totals, outages = self._recorder.totals, OUTAGES.current()
        return {
            "blockfeed_child_starts_total": {one.name: one.starts for one in self._children},
            "blockfeed_connections_refused_total": dict(self._refusals),
            "blockfeed_connections_closed_total": dict(totals.closed),
            "blockfeed_blocks_total": dict(totals.blocks),
            "blockfeed_messages_sent_total": dict(self._hub.sent),
            "blockfeed_unavailable": {part: part in outages for part in PARTS},
            **self._feeds(),
        }

    def _feeds(self) -> ByLabel:
        there = {name: one for name, one in self._catalog.feeds.items() if not one.removed}
        streams, readers = self._hub.streams, self._hub.readers()
        return {
            "blockfeed_feed_sessions": {name: readers.get(name, (0, 0))[0] for name in there},
            "blockfeed_feed_worst_lag_messages": {
                name: readers.get(name, (0, 0))[1] for name in there
            },
            "blockfeed_feed_head_offset": {
                name: streams[name].head for name in there if name in streams
            },
            "blockfeed_feed_promised_offset": {name: one.promised for name, one in there.items()},
            "blockfeed_feed_rate": {name: one.rate for name, one in there.items()},
            "blockfeed_feed_enabled": {name: one.enabled for name, one in there.items()},
            "blockfeed_feed_running": {
                name: one.diagnosis().is_running for name, one in there.items()
            },
            "blockfeed_feed_delay_seconds": {name: DELAYS.seconds.get(name, 0.0) for name in there},
        }


def disk() -> Values:
    """Return the values that need the file system, which may block."""
    there = os.statvfs(settings.VAR_DIR)
    found: Values = {"blockfeed_disk_free_bytes": {"": there.f_bavail * there.f_frsize}}
    database = settings.DATABASES["default"]
    if database["ENGINE"] == "feeds.sqlite":
        sizes = []
        for suffix in ("", "-wal"):
            with suppress(OSError):
                sizes.append(Path(f"{database['NAME']}{suffix}").stat().st_size)
        found["blockfeed_database_bytes"] = {"": sum(sizes)}
    return found


def _process() -> Flat:
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "blockfeed_start_time_seconds": BEGAN,
        "blockfeed_cpu_seconds_total": used.ru_utime + used.ru_stime,
        "blockfeed_open_files_limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }
    if sys.platform == "linux":
        pages = int((PROC / "statm").read_text(encoding="ascii").split()[1])
        found["blockfeed_resident_memory_bytes"] = pages * resource.getpagesize()
        # Newer kernels give the number without a list of thousands of files.
        files = (PROC / "fd").stat().st_size or len(os.listdir(PROC / "fd"))  # noqa: PTH208  faster
        found["blockfeed_open_files"] = files
    return found
