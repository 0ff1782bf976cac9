"""Stretches of a feed, made from schedule and sources alone."""

import pytest

from clientapp.wire.from_server import Gap, read_from_server
from clientapp.wire.message import Message
from feeds.core.frames import payloads
from feeds.core.schedule import Recipe, Schedule, Segment
from feeds.making.regeneration import (
    Stretch,
    UnavailableError,
    frames_between,
    source_of,
    stretches,
    write_between,
)

FIVES = Recipe(kind="arrays", spec='{"shape":[5]}', seed=1)
PAIRS = Recipe(kind="arrays", spec='{"shape":[2]}', seed=1)
BROKEN = Recipe(kind="arrays", spec='{"shape":"none"}', seed=1)
SECOND = 1_000_000


def segment(first: int, recipe: Recipe = FIVES, epoch: str | None = None) -> Segment:
    """Return a segment whose messages are due at the second of their offset."""
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
    """A stretch lies in one segment; together they hold every offset once."""
    schedule = Schedule([segment(1), segment(4), segment(5, PAIRS)])
    made = list(stretches("arrays", schedule, 2, 7))

    assert [(one.first, len(one.lines)) for one in made] == [(2, 2), (4, 1), (5, 3)]
    assert [one.epoch for one in made] == [schedule.segment(one.first).epoch for one in made]


def test_a_stretch_holds_the_records_of_its_source() -> None:
    """Each line carries the record that the segment's source has at its offset."""
    (made,) = stretches("arrays", Schedule([segment(1)]), 300, 301)
    records = source_of(FIVES).records(300, 2)
    line = b'{"type":"message","feed":"arrays","offset":%d,"at":%d,"data":%b}'

    assert made == Stretch(
        source_of(FIVES).epoch,
        300,
        [line % (offset, offset * SECOND, records[offset - 300]) for offset in (300, 301)],
    )


def test_any_cut_makes_the_same_frames() -> None:
    """What is made in parts, in any process, is what is made at once."""
    schedule = Schedule([segment(1), segment(4), segment(5, PAIRS)])
    whole = frames_between("arrays", schedule, 1, 8)

    for cut in range(9):
        parts = frames_between("arrays", schedule, 1, cut)
        assert parts + frames_between("arrays", schedule, cut + 1, 8) == whole


@pytest.mark.parametrize("most_bytes", [1, 50, 130, 10_000, 10**6])
@pytest.mark.parametrize("last", [1, 8, 70, 300])
def test_a_write_is_bounded(most_bytes: int, last: int) -> None:
    """It holds as many frames as fit, or one, however many pieces that takes."""
    schedule = Schedule([segment(1), segment(4), segment(5, PAIRS)])
    frames = frames_between("arrays", schedule, 1, last)
    end, written = write_between("arrays", schedule, 1, last, most_bytes)

    assert written == b"".join(frames[:end])
    assert len(written) <= most_bytes or end == 1
    assert end == last or len(written) + len(frames[end]) > most_bytes


def test_a_write_ends_before_what_cannot_be_made() -> None:
    """Also where that lies behind a piece; at it, it says how far."""
    schedule = Schedule([segment(1), segment(100, FIVES, "0" * 12)])
    end, written = write_between("arrays", schedule, 1, 300, 10**6)
    assert (end, written) == (99, b"".join(frames_between("arrays", schedule, 1, 99)))
    with pytest.raises(UnavailableError, match="up to offset 300"):
        write_between("arrays", schedule, 100, 300, 10**6)


def test_a_new_epoch_is_announced() -> None:
    """Where the recipe changes, the frames say so before the message."""
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
def test_what_others_made_otherwise_is_unavailable(foreign: Segment) -> None:
    """Frames end before a segment that this process cannot make; there, it says how far."""
    schedule = Schedule([segment(1), foreign, segment(7)])

    assert offsets(frames_between("arrays", schedule, 2, 9)) == [2, 3]
    with pytest.raises(UnavailableError, match="up to offset 6") as lost:
        frames_between("arrays", schedule, 4, 9)
    assert lost.value.last == 6
    with pytest.raises(UnavailableError) as part:
        frames_between("arrays", schedule, 5, 5)
    assert part.value.last == 5


def test_nothing_exists_before_the_first_segment() -> None:
    """Offsets that no segment holds are an error, not a guess."""
    with pytest.raises(LookupError, match="no segment holds offset 1"):
        frames_between("arrays", Schedule([segment(3)]), 1, 4)


def test_nothing_is_asked_for() -> None:
    """An empty range is empty, wherever it lies."""
    assert frames_between("arrays", Schedule([segment(3)]), 2, 1) == []
