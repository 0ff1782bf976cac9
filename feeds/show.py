"""Formatting of values for all pages and terminals."""

from __future__ import annotations

from datetime import UTC, datetime

from django.urls import reverse

from feeds.models import BlockReport, ClientSession
from feeds.summary import FeedSummary

MOST_CHARACTERS = 400
"""Characters shown of one record; a row has one line."""
UNKNOWN = "–"  # noqa: RUF001  an en dash in place of a figure
NOT_CHECKED = "not checked (plain client)"
"""The verdict shown for a plain report: it cannot be checked, and nothing is wrong."""


def rate(per_second: float) -> str:
    """Return messages per second, with at most three decimals."""
    return f"{per_second:,.3f}".rstrip("0").rstrip(".") + "/s"


def moment(value: datetime) -> str:
    """Return an instant to the second, in UTC; the caller must label it as UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def moment_us(value: int) -> str:
    """Return an instant given in microseconds since 1970."""
    return moment(datetime.fromtimestamp(value // 1_000_000, UTC))


def time_us(value: int) -> str:
    """Return the time of day in UTC, to the millisecond, of microseconds since 1970."""
    return f"{datetime.fromtimestamp(value // 1_000_000, UTC):%H:%M:%S}.{value // 1000 % 1000:03}"


def seconds(value: float) -> str:
    """Return a duration in seconds or milliseconds, whichever is easier to read."""
    return f"{fixed(value, 2)} s" if abs(value) >= 1 else f"{fixed(value * 1000, 1)} ms"


def fixed(value: float, digits: int) -> str:
    """Return *value* with *digits* decimals, and zero without a sign."""
    return f"{value:z,.{digits}f}"


def milliseconds(value: float | None) -> float | None:
    """Return seconds as milliseconds; None stays None."""
    return None if value is None else value * 1000


def share(part: int, whole: int) -> str:
    """Return *part* of *whole* in percent: 100 only if equal, "none" if *whole* is 0."""
    if not whole:
        return "none"
    return "100 %" if part == whole else f"{min(part / whole * 100, 99.9):.1f} %"


def verified_share(verified: int, blocks: int, plain: int) -> str:
    """Return the verified share of *blocks*, leaving out the *plain* ones."""
    return UNKNOWN if 0 < blocks <= plain else share(verified, blocks - plain)


def verdicts(session: ClientSession) -> str:
    """Return the number of blocks of *session* per verdict; empty if it has none."""
    found = {
        "verified": session.verified,
        "broken": session.broken,
        "unverifiable": session.unverifiable - session.sentences,
        NOT_CHECKED: session.sentences,
    }
    return ", ".join(f"{number:,} {name}" for name, number in found.items() if number > 0)


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 block`` or ``1,200 blocks``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def verdict(report: BlockReport) -> str:
    """Return the verdict on a report, in words for people."""
    return NOT_CHECKED if report.plain else str(report.verdict)


def state(feed: FeedSummary) -> str:
    """Return the state of a feed, in a word or two."""
    return str(feed.diagnosis.condition)


def broken_reports() -> str:
    """Return the address of the list of broken blocks, which is for staff only."""
    return f"{reverse('admin:feeds_blockreport_changelist')}?verdict__exact=broken"


def record(line: bytes) -> str:
    """Return the record in a line (its last member), truncated if it is long."""
    text = line.partition(b'"data":')[2][:-1].decode()
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"
