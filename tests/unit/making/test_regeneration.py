"""Ranges of a feed, regenerated from schedule and sources alone."""

import pytest

from clientapp.wire.from_server import Gap, read_from_server
from clientapp.wire.message import Message
from feeds.core.frames import payloads
from feeds.core.schedule import Recipe, Schedule, Segment
from feeds.making.regeneration import (
    PIECE,
    Stretch,
    UnavailableError,
    frames_between,
    source_of,
    stretches,
    text_between,
    write_between,
)

FIVES = Recipe(kind="arrays", spec='{"shape":[5]}', seed=1)
PAIRS = Recipe(kind="arrays", spec='{"shape":[2]}', seed=1)
BROKEN = Recipe(kind="arrays", spec='{"shape":"none"}', seed=1)
SECOND = 1_000_000


def segment(first: int, recipe: Recipe = FIVES, epoch: str | None = None) -> Segment:
    """Return a segment whose messages are due in the second of their offset."""
    return Segment(
        recipe=recipe,
        epoch=source_of(recipe).epoch if epoch is None else epoch,
        first=first,
        started_us=first * SECOND,
        rate_milli=1000,
    )


def offsets(frames: list[bytes]) -> list[int]:
    """Return the offsets of the messages in *frames*."""
    said = [read_from_server(payload) for payload in payloads(b"".join(frames))]
    return [one.offset for one in said if isinstance(one, Message)]


def test_stretches_end_with_their_segments() -> None:
    """A stretch lies within one segment; together the stretches contain every offset once."""
    schedule = Schedule([segment(1), segment(4), segment(5, PAIRS)])
    made = list(stretches("arrays", schedule, 2, 7))

    assert [(one.first, len(one.lines)) for one in made] == [(2, 2), (4, 1), (5, 3)]
    assert [one.epoch for one in made] == [schedule.segment(one.first).epoch for one in made]


def test_stretch_has_the_records_of_its_source() -> None:
    """Each line carries the record of the segment's source at its offset."""
    (made,) = stretches("arrays", Schedule([segment(1)]), 300, 301)
    records = source_of(FIVES).records(300, 2)
    line = b'{"type":"message","feed":"arrays","offset":%d,"at":%d,"data":%b}'

    assert made == Stretch(
        source_of(FIVES).epoch,
        300,
        [line % (offset, offset * SECOND, records[offset - 300]) for offset in (300, 301)],
    )


def test_frames_do_not_depend_on_the_cut() -> None:
    """Frames regenerated in parts equal those regenerated at once."""
    schedule = Schedule([segment(1), segment(4), segment(5, PAIRS)])
    whole = frames_between("arrays", schedule, 1, 8)

    for cut in range(9):
        parts = frames_between("arrays", schedule, 1, cut)
        assert parts + frames_between("arrays", schedule, cut + 1, 8) == whole


@pytest.mark.parametrize("most_bytes", [1, 50, 130, 10_000, 10**6])
@pytest.mark.parametrize("last", [1, 8, 70, 300])
def test_write_is_bounded(most_bytes: int, last: int) -> None:
    """A write holds as many frames as fit, or one, however many pieces that takes."""
    schedule = Schedule([segment(1), segment(4), segment(5, PAIRS)])
    frames = frames_between("arrays", schedule, 1, last)
    end, written = write_between("arrays", schedule, 1, last, most_bytes)

    assert written == b"".join(frames[:end])
    assert len(written) <= most_bytes or end == 1
    assert end == last or len(written) + len(frames[end]) > most_bytes


def test_write_ends_before_an_unavailable_offset() -> None:
    """A write that starts at an unavailable offset fails; the error says where that part ends."""
    schedule = Schedule([segment(1), segment(100, FIVES, "0" * 12)])
    end, written = write_between("arrays", schedule, 1, 300, 10**6)
    assert (end, written) == (99, b"".join(frames_between("arrays", schedule, 1, 99)))
    with pytest.raises(UnavailableError, match="up to offset 300"):
        write_between("arrays", schedule, 100, 300, 10**6)


def test_new_epoch_is_announced() -> None:
    """A change of recipe is announced before its first message."""
    schedule = Schedule([segment(1), segment(3, PAIRS)])
    frames = frames_between("arrays", schedule, 2, 4)
    said = [read_from_server(payload) for payload in payloads(b"".join(frames))]

    assert len(frames) == 3
    assert said[1] == Gap(
        feed="arrays", first=3, last=2, epoch=source_of(PAIRS).epoch, cause="epoch"
    )


@pytest.mark.parametrize(
    "foreign", [segment(4, FIVES, "0" * 12), segment(4, BROKEN, "0" * 12)], ids=["epoch", "spec"]
)
def test_foreign_segment_is_unavailable(foreign: Segment) -> None:
    """Frames end before a segment that this process cannot make; the error says where that ends."""
    schedule = Schedule([segment(1), foreign, segment(7)])

    assert offsets(frames_between("arrays", schedule, 2, 9)) == [2, 3]
    with pytest.raises(UnavailableError, match="up to offset 6") as lost:
        frames_between("arrays", schedule, 4, 9)
    assert lost.value.last == 6
    with pytest.raises(UnavailableError) as part:
        frames_between("arrays", schedule, 5, 5)
    assert part.value.last == 5


def test_nothing_exists_before_the_first_segment() -> None:
    """Offsets before the first segment are an error, not a guess."""
    with pytest.raises(LookupError, match="no segment holds offset 1"):
        frames_between("arrays", Schedule([segment(3)]), 1, 4)


def test_empty_range_has_no_frames() -> None:
    """An empty range has no frames, wherever it is."""
    assert frames_between("arrays", Schedule([segment(3)]), 2, 1) == []


def test_text_has_whole_lines_until_it_is_long_enough() -> None:
    """A text ends after a piece, or with the range, and the next text continues there."""
    schedule = Schedule([segment(1), segment(70, PAIRS)])
    lines = [line + b"\n" for one in stretches("arrays", schedule, 1, 300) for line in one.lines]
    end, text = text_between("arrays", schedule, 1, 300, least_bytes=1)
    assert (end, text) == (PIECE, b"".join(lines[:PIECE]))
    last, rest = text_between("arrays", schedule, end + 1, 300, least_bytes=2**20)
    assert (last, rest) == (300, b"".join(lines[PIECE:]))
    assert text_between("arrays", schedule, 301, 300, least_bytes=1) == (300, b"")


def test_text_ends_before_what_cannot_be_made() -> None:
    """A text ends before a stretch made by other libraries, with which none can begin."""
    schedule = Schedule([segment(1), segment(100, epoch="0123456789ab"), segment(110)])
    end, _ = text_between("arrays", schedule, 60, 200, least_bytes=2**20)
    assert end == 99
    with pytest.raises(UnavailableError):
        text_between("arrays", schedule, 100, 200, least_bytes=1)
