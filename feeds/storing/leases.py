"""
Stored leases: the signs of life of server processes.

Hosts' clocks are never compared. A process judges others by whether their signs change
while its own monotonic clock runs (`feeds.storing.watch`).
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max

from feeds.models import Connection, Lease

Sign = int | datetime
"""A value that changes as long as a server process lives."""


def renew(server: str, beats: int, at: datetime) -> None:
    """Store *beats*, which the process raises each time, in the lease of *server*."""
    if not Lease.objects.filter(server=server).update(beats=beats, seen_at=at):
        Lease.objects.create(server=server, beats=beats, seen_at=at)


def end(server: str) -> None:
    """Remove the lease of *server*, after it has closed its connections."""
    Lease.objects.filter(server=server).delete()


def signs(**which: str) -> dict[str, Sign]:
    """
    Return the sign of each server process that has a lease or open connections.

    Given ``server=name``, return its sign only. A process of an older version has no lease, but
    marks its open connections as seen. So the newest of these times is its sign.
    """
    held = Lease.objects.filter(**which)
    found: dict[str, Sign] = dict(held.values_list("server", "beats"))
    others = Connection.objects.filter(closed_at=None, **which).exclude(server__in=list(found))
    newest = others.order_by().values("server").annotate(newest=Max("seen_at"))
    found.update(newest.values_list("server", "newest"))
    return found
