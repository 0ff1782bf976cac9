"""
The health of the installation: a word and its reasons.

A feed is described by its condition, which says why messages are late or missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feeds import show
from feeds.making.diagnosis import Condition
from feeds.summary import FeedSummary

MOST_REASONS = 3
"""The most reasons named; the others are counted."""
WAITING = "waiting"
"""The state of a feed that runs, but has no message yet."""
WRONG = {
    Condition.BEHIND: "feed {} is behind",
    Condition.CLOCK: "the clock of the generator of feed {} differs",
    Condition.NO_DATABASE: "feed {} waits for the database",
    Condition.SILENT: "the generator of feed {} is silent",
    Condition.STOPPED: "feed {} is stopped",
    Condition.NOT_STARTED: "feed {} was never started",
}
"""The conditions in which something should be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The first line of the page."""

    state: str
    """``good``, ``bad``, or ``still`` if nothing is supposed to run."""
    word: str
    reason: str


def state(feed: FeedSummary) -> str:
    """Return the state of a feed, in a word or two."""
    condition = feed.diagnosis.condition
    return WAITING if condition is Condition.RUNNING and not feed.head else str(condition)


def sentence(feed: FeedSummary) -> str:
    """Return the state of a feed as a sentence, with advice if something is wrong."""
    if state(feed) == WAITING:
        return f"feed {feed.name} has a generator and is waiting for its first message"
    return feed.diagnosis.sentence


def health(feeds: Mapping[str, str], *, broken: str, troubles: Sequence[str]) -> Health:
    """
    Return the health of *feeds*, a `state` for each name.

    *broken* is a sentence with the number of broken stored blocks, or empty;
    *troubles* are sentences whose first part names the problem.
    """
    reasons = [text.partition(";")[0] for text in troubles]
    wrong = {str(condition): text for condition, text in WRONG.items()}
    reasons += [wrong[state].format(name) for name, state in feeds.items() if state in wrong]
    reasons += [broken.partition(":")[0]] if broken else []
    if reasons:
        more = len(reasons) - MOST_REASONS
        said = "; ".join(reasons[:MOST_REASONS]) + (f"; and {more:,} more" if more > 0 else "")
        return Health(
            state="bad", word="Something is wrong", reason=f"{said[0].upper()}{said[1:]}."
        )
    running = sum(state == Condition.RUNNING for state in feeds.values())
    if running:
        said = f"{show.count(running, 'feed')} running, no stored block is broken."
        return Health(state="good", word="All is well", reason=said)
    if WAITING in feeds.values():
        return Health(state="still", word="Starting", reason="Waiting for the first message.")
    said = "Every feed is switched off." if feeds else "There is no feed yet."
    return Health(state="still", word="Nothing is running", reason=said)
