"""Lines and frames, made from records and their schedule."""

from __future__ import annotations

from collections.abc import Sequence

from clientapp.wire.from_server import Gap
from clientapp.wire.message import make_line
from feeds.core.frames import control_frame, frame
from feeds.core.schedule import Schedule, Segment


def make_lines(feed: str, segment: Segment, first: int, records: Sequence[bytes]) -> list[bytes]:
    """Return the lines of *records*, which begin at offset *first* of *segment*."""
    return [
        make_line(feed, offset, segment.at(offset), record)
        for offset, record in enumerate(records, first)
    ]


def make_frames(feed: str, schedule: Schedule, first: int, lines: Sequence[bytes]) -> list[bytes]:
    """
    Return a frame for each of *lines*.

    At the start of an epoch the `Gap` that announces it precedes the message in
    the same item, so that a client gets both or neither.
    """
    frames = [frame(line) for line in lines]
    for offset, epoch in schedule.turns.items():
        if first <= offset < first + len(frames):
            turn = Gap(feed=feed, first=offset, last=offset - 1, epoch=epoch, cause="epoch")
            frames[offset - first] = control_frame(turn) + frames[offset - first]
    return frames
