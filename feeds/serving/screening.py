"""
Whether a report can be true: nobody receives what was never sent.

This needs only what the process knows anyway. Whether the messages of a
report are those that the feed holds is another question.
"""

from __future__ import annotations

from dataclasses import dataclass

from clientapp.wire.report import FeedRange, Report
from clientapp.wire.request import Request
from feeds.serving.node import Node


@dataclass(frozen=True, slots=True)
class Untruth:
    """Why a report cannot be true."""

    text: str
    """Names the value, and what is the case."""
    is_ahead: bool = False
    """Whether a look at the database may show that it is true after all."""


def find_untruth(report: Report, request: Request, node: Node) -> Untruth | None:
    """Return why *report* cannot be true of the session of *request*, or None."""
    if report.size != request.block_size:
        return Untruth(f"size is {report.size}; blocks of this session hold {request.block_size}")
    for name, part in report.feeds.items():
        if name not in request.feeds:
            asked = ", ".join(request.feeds)
            return Untruth(f"{name} is not a feed of this session; it asked for {asked}")
        if found := _find_in_range(name, part, node):
            return found
    return None


def _find_in_range(name: str, part: FeedRange, node: Node) -> Untruth | None:
    if part.last < part.first:
        return Untruth(f"{name}: last is {part.last}, before first, which is {part.first}")
    feed = node.catalog.feeds[name]
    end = max(feed.promised, node.hub.streams[name].head)
    if part.last > end:
        return Untruth(f"{name}: last is {part.last}, but the feed ends at {end}", is_ahead=True)
    epoch = feed.epoch_at(part.last)
    # A range that ends with a gap has the epoch that the gap leads to.
    if part.epoch not in (epoch, feed.epoch_at(part.last + 1)):
        return Untruth(f"{name}: offset {part.last} is of epoch {epoch!r}, not {part.epoch!r}")
    return None
