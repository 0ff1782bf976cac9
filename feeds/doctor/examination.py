"""The examination of everything, in the order in which a person would fix it."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DatabaseError

from feeds.doctor.database import examine_clock, examine_database, examine_retention
from feeds.doctor.finding import Finding, State, wrong
from feeds.doctor.generators import examine_feeds, examine_layer
from feeds.doctor.surroundings import (
    examine_address,
    examine_folder,
    examine_process,
    examine_settings,
)
from feeds.running.database import cause_of

STORED = (examine_clock, examine_retention, examine_feeds)
"""The examinations that read tables."""
NEEDED = {"database", "tables"}
"""The parts that must work before tables can be read."""


def examine(host: str, port: int) -> Iterator[Finding]:
    """Examine the installation whose server is to listen at *host* and *port*."""
    yield from examine_settings()
    yield from examine_address(host, port)
    yield from examine_folder()
    yield from examine_process()
    yield from examine_layer()
    can_read = True
    for finding in examine_database():
        can_read = can_read and not (finding.state is State.WRONG and finding.part in NEEDED)
        yield finding
    for look in STORED if can_read else ():
        try:
            yield from look()
        except DatabaseError as error:
            yield wrong("database", f"it does not answer: {cause_of(error)}", "Look at its log.")
            return
