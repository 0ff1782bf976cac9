"""
Cards: one message or one client in full, opened by a click.

A card is made on request, so pages that are only watched cost nothing extra.
Public facts are shown to everybody; a session's key is never shown.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Q, Sum
from django.urls import reverse

from clientapp.wire.printable import printable
from feeds import show
from feeds.core.schedule import Schedule
from feeds.making.regeneration import UnavailableError, lines_between
from feeds.making.segments import segment_of
from feeds.models import ClientSession, Feed

MOST_DIGITS = 18
"""The most digits of a number in a URL: the database accepts no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """All the facts about one message or client."""

    title: str
    facts: list[tuple[str, str]]
    text: str = ""
    """The record, indented for people; empty for a client."""
    line: str = ""
    """The message exactly as sent."""
    link: str = ""
    """The page with more details, for staff; empty if none is offered."""


def message_card(name: str, number: str) -> Card | None:
    """Regenerate message *number* of the feed *name*; None if it is not due or unknown."""
    row = next((feed for feed in Feed.objects.all() if feed.name == name), None)
    offset = _number(number)
    if row is None or offset is None or not 1 <= offset <= row.promised:
        return None
    found = row.segments.filter(first__lte=offset).order_by("-first").first()
    if found is None or segment_of(found).at(offset) > time.time_ns() // 1000:
        return None
    segment = segment_of(found)
    try:
        (line,) = lines_between(name, Schedule([segment]), offset, offset)
    except UnavailableError:
        return None
    at_us = segment.at(offset)
    return Card(
        title=f"{name} {offset:,}",
        facts=[
            ("Feed", name),
            ("Offset", f"{offset:,}"),
            ("Due", f"{show.moment_us(at_us)}.{at_us // 1000 % 1000:03} UTC"),
            ("Epoch", segment.epoch),
            ("Size", f"{len(line):,} bytes"),
        ],
        text=_laid_out(line.partition(b'"data":')[2][:-1].decode()),
        line=line.decode(),
    )


def client_card(number: str, *, is_staff: bool) -> Card | None:
    """
    Return the card of the session with the id *number*; None: not for this reader.

    Ended sessions are shown to staff only: the page lists connected clients.
    """
    pk = _number(number)
    here = Q() if is_staff else ~Q(status=ClientSession.Status.LEFT)
    session = ClientSession.objects.filter(here, pk=pk).first() if pk is not None else None
    if session is None:
        return None
    latest = session.reports.order_by("-number").first()
    behind = session.connections.filter(closed_at=None).aggregate(behind=Sum("behind"))["behind"]
    lag = show.UNKNOWN if behind is None else show.count(behind, "message")
    facts = [
        ("Status", session.get_status_display()),
        ("Feeds", session.feeds.replace(" ", ", ")),
        ("Block size", f"{session.block_size:,}" if session.block_size else "not declared"),
        ("Blocks", f"{session.blocks:,}"),
        ("Verdicts", show.verdicts(session) or "none yet"),
        ("Messages in them", f"{session.messages:,}"),
        ("Lag, at the last heartbeat", lag),
        ("Connected since", f"{show.moment(session.connected_at)} UTC"),
        ("First seen", f"{show.moment(session.created_at)} UTC"),
        ("Connections so far", f"{session.connects:,}"),
        ("Last block", printable(latest.text) if latest else "none yet"),
        ("As of", f"{show.moment(datetime.now(UTC))} UTC"),
    ]
    link = reverse("admin:feeds_clientsession_change", args=[session.pk]) if is_staff else ""
    return Card(title=f"Client {printable(session.client)}", facts=facts, link=link)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None


def _laid_out(record: str) -> str:
    """Return an object with one member per line, any other record unchanged."""
    value = json.loads(record)
    return json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict) else record
