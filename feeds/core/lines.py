"""Records and their schedule, put together as lines and as frames."""

from __future__ import annotations

from collections.abc import Sequence

from clientapp.wire.from_server import Gap
from clientapp.wire.message import make_line
from feeds.core.frames import control_frame, frame
from feeds.core.schedule import Schedule, Segment


def make_lines(feed: str, segment: Segment, first: int, records: Sequence[bytes]) -> list[bytes]:
    """Return the lines of *records*, which *segment* holds at *first* and after."""
    return [
        make_line(feed, offset, segment.at(offset), record)
        for offset, record in enumerate(records, first)
    ]


def make_frames(feed: str, schedule: Schedule, first: int, lines: Sequence[bytes]) -> list[bytes]:
    """
    Return what a server sends for *lines*: a frame for each.

    Where a new epoch begins, the `Gap` that announces it goes before the
    message, in the same item: whoever gets the one gets the other.
    """
    frames = [frame(line) for line in lines]
    for offset, epoch in schedule.turns.items():
        if first <= offset < first + len(frames):
            turn = Gap(feed=feed, first=offset, last=offset - 1, epoch=epoch, cause="epoch")
            frames[offset - first] = control_frame(turn) + frames[offset - first]
    return frames
