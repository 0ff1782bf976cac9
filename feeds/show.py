"""How values look on every page for people."""

from __future__ import annotations

from datetime import UTC, datetime

from feeds.core import notices
from feeds.live.catalog import FeedOverview


def rate(per_second: float) -> str:
    """Return messages per second, with at most three decimals."""
    return f"{per_second:,.3f}".rstrip("0").rstrip(".") + "/s"


def moment(value: datetime) -> str:
    """Return an instant to the second, in UTC, which its title has to say."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def moment_us(value: int) -> str:
    """Return an instant given in microseconds since 1970."""
    return moment(datetime.fromtimestamp(value // 1_000_000, UTC))


def state(feed: FeedOverview) -> str:
    """Return what a feed does, in a word or two."""
    if not feed.enabled:
        return "switched off"
    return "running" if feed.running else "not running"


def sentence(feed: FeedOverview) -> str:
    """Return what a feed does, and where it does nothing, what to do."""
    if not feed.enabled:
        return f"feed {feed.name} is switched off in the admin"
    return notices.running(feed.name) if feed.running else notices.not_running(feed.name)
