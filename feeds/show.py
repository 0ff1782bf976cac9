"""How values look on every page for people."""

from __future__ import annotations

from datetime import UTC, datetime

from django.urls import reverse

from feeds.making.catalog import FeedOverview
from feeds.models import BlockReport, ClientSession

MOST_CHARACTERS = 400
"""Of one record; a row shows one line."""
UNKNOWN = "–"  # noqa: RUF001  the dash that stands for a figure
NOT_CHECKED = "not checked (plain client)"
"""The verdict of a plain report: nobody can check it, and nothing is wrong."""


def rate(per_second: float) -> str:
    """Return messages per second, with at most three decimals."""
    return f"{per_second:,.3f}".rstrip("0").rstrip(".") + "/s"


def moment(value: datetime) -> str:
    """Return an instant to the second, in UTC, which its title has to say."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def moment_us(value: int) -> str:
    """Return an instant given in microseconds since 1970."""
    return moment(datetime.fromtimestamp(value // 1_000_000, UTC))


def time_us(value: int) -> str:
    """Return the time of day in UTC, to the millisecond, of microseconds since 1970."""
    return f"{datetime.fromtimestamp(value // 1_000_000, UTC):%H:%M:%S}.{value // 1000 % 1000:03}"


def seconds(value: float) -> str:
    """Return a time in the unit in which it is easily read."""
    return f"{fixed(value, 2)} s" if abs(value) >= 1 else f"{fixed(value * 1000, 1)} ms"


def fixed(value: float, digits: int) -> str:
    """Return *value* with so many decimals, and a zero without a sign."""
    return f"{value:z,.{digits}f}"


def milliseconds(value: float | None) -> float | None:
    """Return seconds as milliseconds; None stays None."""
    return None if value is None else value * 1000


def share(part: int, whole: int) -> str:
    """Return *part* of *whole* in percent; 100 only where it is all, none of nothing."""
    if not whole:
        return "none"
    return "100 %" if part == whole else f"{min(part / whole * 100, 99.9):.1f} %"


def verified_share(verified: int, blocks: int, plain: int) -> str:
    """Return the verified share of *blocks* without the *plain* ones, which nobody can check."""
    return UNKNOWN if 0 < blocks <= plain else share(verified, blocks - plain)


def verdicts(session: ClientSession) -> str:
    """Return how many blocks of *session* got which verdict; empty: it has no block."""
    found = {
        "verified": session.verified,
        "broken": session.broken,
        "unverifiable": session.unverifiable - session.sentences,
        NOT_CHECKED: session.sentences,
    }
    return ", ".join(f"{number:,} {name}" for name, number in found.items() if number > 0)


def count(number: int, noun: str) -> str:
    """Return how many there are, such as ``1 block`` or ``1,200 blocks``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def verdict(report: BlockReport) -> str:
    """Return what the server found, in words for people."""
    return NOT_CHECKED if report.plain else str(report.verdict)


def state(feed: FeedOverview) -> str:
    """Return what a feed does, in a word or two."""
    if not feed.enabled:
        return "switched off"
    return "running" if feed.running else "not running"


def broken_reports() -> str:
    """Return the address of the list of broken blocks, which only staff may open."""
    return f"{reverse('admin:feeds_blockreport_changelist')}?verdict__exact=broken"


def record(line: bytes) -> str:
    """Return the record in a line, which is its last member, cut off where it is long."""
    text = line.partition(b'"data":')[2][:-1].decode()
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"
