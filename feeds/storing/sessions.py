"""Stored sessions: their creation, and the state of one that returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile

from django.db.models import Count, Max

from feeds.models import BlockReport, ClientSession
from feeds.storing.facts import Opened
from feeds.storing.insertion import insert


def create(opened: Iterable[Opened]) -> None:
    """Create the sessions of *opened* that do not exist yet."""
    insert(
        [
            ClientSession(
                key=fact.session,
                client=fact.client,
                feeds=" ".join(fact.feeds),
                block_size=fact.block_size,
                created_at=fact.at,
                connected_at=fact.at,
                seen_at=fact.at,
            )
            # In one order: two servers may get the same new sessions (`feeds.storing.locks`).
            for fact in sorted(opened, key=lambda fact: fact.session)
        ],
        ignore_conflicts=True,
    )


@dataclass(frozen=True, slots=True)
class KnownSession:
    """The stored state of a returning session."""

    feeds: tuple[str, ...]
    block_size: int
    blocks: int
    """The number up to which every block is or was stored; 0: not even the first."""


def find(key: str) -> KnownSession | None:
    """Return the state of the session with the stored *key*; None if it is unknown."""
    sessions = ClientSession.objects.filter(key=key)
    # Read no more than necessary: a connecting client waits for this.
    for session, feeds, block_size, forgotten in sessions.values_list(
        "pk", "feeds", "block_size", "forgotten"
    ):
        blocks = _stored_blocks(session, forgotten)
        return KnownSession(tuple(feeds.split()), block_size, blocks)
    return None


def _stored_blocks(session: int, forgotten: int) -> int:
    stored = BlockReport.objects.filter(session=session, plain=False, number__gt=forgotten)
    found = stored.aggregate(highest=Max("number"), count=Count("pk"))
    blocks = found["highest"] or forgotten
    if blocks - forgotten != found["count"]:
        numbers = stored.order_by("number").values_list("number", flat=True).iterator()
        whole = takewhile(lambda pair: pair[0] == pair[1], enumerate(numbers, forgotten + 1))
        blocks = forgotten + sum(1 for _ in whole)
    return blocks
