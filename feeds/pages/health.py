"""
The health of the installation: a word and its reasons.

A feed without messages is described by the state of its generator: never
started, stopped, silent, or switched off in the admin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feeds import show
from feeds.core import notices
from feeds.summary import FeedSummary

MOST_REASONS = 3
"""Reasons named; the others are counted."""
START = "start it with: python manage.py generate"
WRONG = {
    "not started": "feed {} was never started",
    "stopped": "feed {} is stopped",
    "silent": "the generator of feed {} is silent",
}
"""The states in which a feed should be running but is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The first line of the page."""

    state: str
    """``good``, ``bad``, or ``still`` if nothing is supposed to run."""
    word: str
    reason: str


def state(feed: FeedSummary) -> str:
    """Return the state of a feed, in a word or two."""
    if not feed.enabled:
        return "switched off"
    if feed.running:
        return "running" if feed.head else "waiting"
    if feed.promised_us:
        return "silent"
    return "stopped" if feed.promised else "not started"


def sentence(feed: FeedSummary) -> str:
    """Return the state of a feed as a sentence, with advice if it is not running."""
    match state(feed):
        case "switched off":
            return notices.switched_off(feed.name)
        case "running":
            return notices.running(feed.name)
        case "waiting":
            return f"feed {feed.name} has a generator and is waiting for its first message"
        case "silent":
            return (
                f"the generator of feed {feed.name} has been silent since "
                f"{show.moment_us(feed.promised_us)} UTC: it was killed, hangs, or cannot reach "
                f"the database; if it is gone, {START}"
            )
        case "stopped":
            return f"feed {feed.name} was stopped; {START}"
        case _:
            return f"feed {feed.name} was never started; {START}"


def health(feeds: Mapping[str, str], *, broken: str, troubles: Sequence[str]) -> Health:
    """
    Return the health of *feeds*, a `state` for each name.

    *broken* is a sentence with the number of broken stored blocks, or empty;
    *troubles* are sentences whose first part names the problem.
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
        return Health(state="still", word="Starting", reason="Waiting for the first message.")
    said = "Every feed is switched off." if feeds else "There is no feed yet."
    return Health(state="still", word="Nothing is running", reason=said)
