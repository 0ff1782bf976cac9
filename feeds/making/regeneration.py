"""
Regeneration of stretches of a feed from its schedule and sources, in any process.

This module does not use Django: the maker runs it without.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

from clientapp.wire import digest
from feeds.core.lines import make_frames, make_lines
from feeds.core.schedule import Recipe, Schedule
from feeds.sources import Source, SpecError, make_source

PIECE = 64
"""Messages generated at once if it is unknown how many fill a write. Larger pieces would
not be cheaper per message (the records of a piece take 0.04 ms for arrays, 0.1 ms for users)."""
SOURCES = 128
"""Sources kept: one for each of the most feeds (`Limits.feeds`), and some of earlier recipes."""


class UnavailableError(Exception):
    """A stretch of a feed cannot be generated here."""

    def __init__(self, last: int) -> None:
        """Take the *last* offset of the stretch."""
        super().__init__(last)
        self.last = last

    def __str__(self) -> str:
        """Return the reason."""
        return f"the libraries installed here generate different messages up to offset {self.last}"


class ScheduleUnknownError(Exception):
    """The schedule of a stretch is not known here, and the database is unavailable."""


@lru_cache(maxsize=SOURCES)
def source_of(recipe: Recipe) -> Source:
    """Return the source of *recipe*; raises SpecError."""
    return make_source(recipe.kind, json.loads(recipe.spec), recipe.seed)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive lines of one segment."""

    epoch: str
    first: int
    lines: list[bytes]


def stretches(feed: str, schedule: Schedule, first: int, last: int) -> Iterator[Stretch]:
    """
    Generate the lines of the offsets from *first* to *last*, segment by segment.

    Raises LookupError before the first segment, and UnavailableError at a segment
    whose epoch this process cannot generate: another version of the libraries
    generated it, and messages generated here would differ.
    """
    while first <= last:
        segment = schedule.segment(first)
        end = min(last, schedule.end(segment))
        try:
            source = source_of(segment.recipe)
        except SpecError:
            raise UnavailableError(end) from None
        if source.epoch != segment.epoch:
            raise UnavailableError(end)
        records = source.records(first, end - first + 1)
        yield Stretch(segment.epoch, first, make_lines(feed, segment, first, records))
        first = end + 1


def lines_between(feed: str, schedule: Schedule, first: int, last: int) -> list[bytes]:
    """
    Generate the lines of the offsets from *first* on, at most to *last*.

    Stops before an unavailable stretch; raises UnavailableError if it is the first.
    """
    lines: list[bytes] = []
    try:
        for stretch in stretches(feed, schedule, first, last):
            lines += stretch.lines
    except UnavailableError:
        if not lines:
            raise
    return lines


def frames_between(feed: str, schedule: Schedule, first: int, last: int) -> list[bytes]:
    """Generate the messages of `lines_between`, as the frames that a server sends."""
    return make_frames(feed, schedule, first, lines_between(feed, schedule, first, last))


def write_between(
    feed: str, schedule: Schedule, first: int, last: int, most_bytes: int
) -> tuple[int, bytes]:
    """
    Generate one write: whole frames from *first* on; return their last offset and bytes.

    They take at most *most_bytes*, unless a single message takes more. Only a few
    more messages than needed are generated. Raises the errors of `frames_between`.
    """
    frames: list[bytes] = []
    room = most_bytes
    while room > 0 and first + len(frames) <= last:
        start = first + len(frames)
        try:
            piece = frames_between(feed, schedule, start, min(last, start + PIECE - 1))
        except UnavailableError:
            if not frames:
                end = schedule.end(schedule.segment(first))
                raise UnavailableError(min(last, end)) from None
            break
        frames += piece
        room -= sum(map(len, piece))
    while room < 0 and len(frames) > 1:
        room += len(frames.pop())
    return first + len(frames) - 1, b"".join(frames)


def text_between(
    feed: str, schedule: Schedule, first: int, last: int, least_bytes: int
) -> tuple[int, bytes]:
    """
    Generate lines with line feeds from *first* on, at most to *last*.

    Stops once they have *least_bytes*. Returns the last offset and the text; raises the errors of
    `lines_between`.
    """
    text = b""
    while first <= last and len(text) < least_bytes:
        try:
            lines = lines_between(feed, schedule, first, min(last, first + PIECE - 1))
        except UnavailableError:
            if not text:
                raise
            break
        text += b"".join(line + b"\n" for line in lines)
        first += len(lines)
    return first - 1, text


def digest_between(feed: str, schedule: Schedule, first: int, last: int) -> int:
    """Generate the digest of the lines at the offsets *first* to *last*."""
    made = digest.EMPTY
    for crc in checksums_between(feed, schedule, first, last):
        made = digest.extend(made, crc)
    return made


def checksums_between(feed: str, schedule: Schedule, first: int, last: int) -> list[int]:
    """Generate the CRC-32s of the lines at the offsets *first* to *last*."""
    made = stretches(feed, schedule, first, last)
    return [crc32(line) for stretch in made for line in stretch.lines]
