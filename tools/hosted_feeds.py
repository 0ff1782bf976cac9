"""The feeds and sessions of `tools.hosted`, in its database."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Sum

from feeds.core.schedule import Schedule
from feeds.making.regeneration import stretches
from feeds.making.segments import Segments
from feeds.models import ClientSession, Feed, Segment
from feeds.running.clock import now_us
from feeds.sources import check_spec

AT_ONCE = 10_000
"""Messages regenerated at once."""


def all_run() -> bool:
    """Tell whether a generator has begun every enabled feed."""
    return not Feed.objects.filter(enabled=True, segments=None).exists()


def create(feed: str, kind: str, rate: float, seed: int, spec: dict[str, Any]) -> None:
    """Create a feed; raises ValueError with the value that is not allowed."""
    row = Feed(name=feed, kind=kind, rate=str(rate), seed=seed, spec=spec)
    try:
        row.full_clean()
        check_spec(kind, spec)
    except ValidationError as error:
        raise ValueError("; ".join(error.messages)) from None
    row.save()


def switch(feed: str, *, on: bool) -> int:
    """Switch a feed on or off; return the time, for `has_switched`."""
    _feed(feed)
    Feed.objects.filter(name=feed).update(enabled=on)
    return now_us()


def has_switched(feed: str, since_us: int) -> bool:
    """
    Tell whether the generator has noticed a switch at *since_us*.

    The generator stores a time that it took before it looked. If the feed is off, all
    promised messages must also be due.
    """
    row = _feed(feed)
    if row.promised_us <= since_us:
        return False
    schedule = Segments().schedules([feed])[feed]
    return row.enabled or row.promised == 0 or schedule.at(row.promised) <= now_us()


def set_rate(feed: str, rate: float) -> None:
    """Set the rate of a feed, in messages per second; raises ValueError."""
    row = _feed(feed)
    row.rate = str(rate)
    try:
        row.clean_fields()
    except ValidationError as error:
        raise ValueError("; ".join(error.messages)) from None
    # Only the rate: a generator updates the promise in the same row.
    Feed.objects.filter(pk=row.pk).update(rate=row.rate)


def has_rate(feed: str) -> bool:
    """Tell whether the newest segment of a feed has the feed's rate, or it is switched off."""
    row = _feed(feed)
    newest = Segment.objects.filter(feed=row).order_by("-first").first()
    return not row.enabled or (newest is not None and newest.rate_milli == row.rate_milli)


def differences(
    feed: str, got: Sequence[Any], first: int | None, last: int | None
) -> dict[str, list[int]] | str:
    """
    Compare messages with the feed; return the offsets of each kind of difference.

    *got* has lines, parsed messages, or offsets, whose content is not compared. Messages
    between the first and the last one must not be missing; *first* and *last* extend this. If
    there is nothing to compare, or *first* or *last* has not been sent, the result is a phrase.
    """
    promised = _feed(feed).promised
    received = [_received(one) for one in got]
    others = sorted({str(name) for name, _, _ in received if name not in (None, feed)})
    if others:
        raise ValueError(f"{feed}: messages of another feed are among them: {', '.join(others)}")
    offsets = [offset for _, offset, _ in received]
    demanded = [end for end in (first, last) if end is not None]
    ends = [*offsets, *demanded]
    if not ends:
        return "no message was received"
    schedule = Segments().schedules([feed])[feed]
    reached = schedule.due(now_us(), promised)
    if max(demanded, default=0) > reached:
        return f"message {max(demanded)} was not sent: the feed has only reached {reached}"
    sent = dict(_regenerated(feed, schedule, max(min(ends), 1), min(max(ends), reached)))
    counts = Counter(offsets)
    late, highest = [], 0
    for offset in offsets:
        if offset < highest and counts[offset] == 1:
            late.append(offset)
        highest = max(highest, offset)
    return {
        "missing": [offset for offset in sent if offset not in counts],
        "duplicated": sorted(offset for offset, count in counts.items() if count > 1),
        "out of order": late,
        "altered": sorted(
            {
                offset
                for _, offset, content in received
                if content is not None and offset in sent and not _is_same(content, sent[offset])
            }
        ),
        "never sent": sorted(offset for offset in counts if offset not in sent),
    }


def session(client: str) -> dict[str, Any] | None:
    """Return the sums over the sessions of *client*; None if it has none."""
    rows = ClientSession.objects.filter(client=client)
    names = ("blocks", "messages", "verified", "broken", "unverifiable")
    if not rows.exists():
        return None
    return {"client": client, **rows.aggregate(**{name: Sum(name) for name in names})}


def _feed(name: str) -> Feed:
    found = Feed.objects.filter(name=name).first()
    if found is None:
        names = ", ".join(Feed.objects.values_list("name", flat=True))
        raise ValueError(f"there is no feed {name[:80]!r}; there are: {names}")
    return found


def _received(one: Any) -> tuple[str | None, int, Any]:
    """Return feed, offset and content of a received item; raises ValueError."""
    if isinstance(one, int):
        return None, one, None
    try:
        message = json.loads(one) if isinstance(one, str) else one
        return message["feed"], int(message["offset"]), one
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{str(one)[:80]!r} is not a message of a feed") from None


def _regenerated(feed: str, schedule: Schedule, first: int, last: int) -> Iterator[tuple[int, str]]:
    """Yield the offsets and lines of a feed from *first* to *last*."""
    for start in range(first, last + 1, AT_ONCE):
        for stretch in stretches(feed, schedule, start, min(last, start + AT_ONCE - 1)):
            for offset, line in enumerate(stretch.lines, stretch.first):
                yield offset, line.decode()


def _is_same(content: Any, line: str) -> bool:
    return bool(content == (line if isinstance(content, str) else json.loads(line)))
