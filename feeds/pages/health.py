"""
How things stand, as one word with its reasons in words beside it.

A feed that gives nothing is described by what is known of its generator:
never started, stopped, silent, or switched off in the admin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feeds import show
from feeds.core import notices
from feeds.making.catalog import FeedOverview

MOST_REASONS = 3
"""Reasons named; the rest is counted."""
START = "start it with: python manage.py generate"
WRONG = {
    "not started": "feed {} was never started",
    "stopped": "feed {} is stopped",
    "silent": "the generator of feed {} is silent",
}
"""The states in which a feed should run and does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The first thing to read on the page."""

    state: str
    """``good``, ``bad``, or ``still`` where nothing is meant to run."""
    word: str
    reason: str


def state(feed: FeedOverview) -> str:
    """Return what a feed does, in a word or two."""
    if not feed.enabled:
        return "switched off"
    if feed.running:
        return "running" if feed.head else "waiting"
    if feed.promised_us:
        return "silent"
    return "stopped" if feed.promised else "not started"


def sentence(feed: FeedOverview) -> str:
    """Return what a feed does, and where it does nothing, what is known and what to do."""
    match state(feed):
        case "switched off":
            return notices.switched_off(feed.name)
        case "running":
            return notices.running(feed.name)
        case "waiting":
            return f"feed {feed.name} has a generator and waits for its first message"
        case "silent":
            return (
                f"the generator of feed {feed.name} is silent since "
                f"{show.moment_us(feed.promised_us)} UTC: it was killed, hangs, or cannot reach "
                f"the database; if it is gone, {START}"
            )
        case "stopped":
            return f"feed {feed.name} was stopped; {START}"
        case _:
            return f"feed {feed.name} was never started; {START}"


def health(feeds: Mapping[str, str], *, broken: str, troubles: Sequence[str]) -> Health:
    """
    Judge *feeds*, each name with its `state`.

    *broken* says how many stored blocks are broken, or is empty; *troubles*
    are sentences whose first part says what is the matter.
    """
    reasons = [text.partition(";")[0] for text in troubles]
    reasons += [WRONG[state].format(name) for name, state in feeds.items() if state in WRONG]
    reasons += [broken.partition(":")[0]] if broken else []
    if reasons:
        more = len(reasons) - MOST_REASONS
        said = "; ".join(reasons[:MOST_REASONS]) + (f"; and {more:,} more" if more > 0 else "")
        return Health(
            state="bad", word="Something is wrong", reason=f"{said[0].upper()}{said[1:]}."
        )
    running = sum(state == "running" for state in feeds.values())
    if running:
        said = f"{show.count(running, 'feed')} running, no stored block is broken."
        return Health(state="good", word="All is well", reason=said)
    if "waiting" in feeds.values():
        return Health(state="still", word="Starting", reason="The first message is to come.")
    said = "Every feed is switched off." if feeds else "There is no feed yet."
    return Health(state="still", word="Nothing runs", reason=said)
