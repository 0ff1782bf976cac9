"""The lines and frames of a range of offsets."""

from zlib import crc32

from clientapp.wire.from_server import Gap, read_from_server
from clientapp.wire.message import Message
from feeds.core.frames import payloads
from feeds.core.lines import make_frames, make_lines
from feeds.core.schedule import Recipe, Schedule, Segment

OLD, NEW = "0123456789ab", "ba9876543210"
RECIPE = Recipe(kind="users", spec="{}", seed=1)
SLOW = Segment(recipe=RECIPE, epoch=OLD, first=1, started_us=1_000_000, rate_milli=1000)
FAST = Segment(recipe=RECIPE, epoch=OLD, first=3, started_us=3_000_000, rate_milli=2000)
OTHER = Segment(recipe=RECIPE, epoch=NEW, first=5, started_us=9_000_000, rate_milli=2000)
SCHEDULE = Schedule([SLOW, FAST, OTHER])
LINES = [b"line %d" % offset for offset in range(1, 8)]


def test_lines_carry_offset_and_time() -> None:
    """Each line holds its record, its offset and its intended time."""
    lines = make_lines("users", FAST, 3, [b'{"a":1}', b'"\xc3\xa9"'])

    assert [read_from_server(line) for line in lines] == [
        Message("users", 3, 3_000_000, {"a": 1}, crc32(lines[0])),
        Message("users", 4, 3_500_000, "é", crc32(lines[1])),
    ]


def test_line_holds_the_record_byte_for_byte() -> None:
    """The line holds the record's JSON exactly as the source wrote it."""
    record = b'{"a" : 1.50}'
    (line,) = make_lines("users", SLOW, 2, [record])

    assert line == b'{"type":"message","feed":"users","offset":2,"at":2000000,"data":%b}' % record


def test_each_line_has_a_frame() -> None:
    """Within an epoch each item is the frame of one line."""
    frames = make_frames("users", SCHEDULE, 2, LINES[1:4])

    assert [list(payloads(item)) for item in frames] == [[line] for line in LINES[1:4]]


def test_first_message_of_a_feed_announces_its_epoch() -> None:
    """A client that connected before the feed ran may know another epoch, so a gap names it."""
    announced, line = payloads(make_frames("users", SCHEDULE, 1, LINES[:1])[0])

    assert read_from_server(announced) == Gap(
        feed="users", first=1, last=0, epoch=OLD, cause="epoch"
    )
    assert line == LINES[0]


def test_new_epoch_is_announced_before_its_message() -> None:
    """The first message of an epoch is in one item with the gap that announces the epoch."""
    frames = make_frames("users", SCHEDULE, 4, LINES[3:7])
    announced, line = payloads(frames[1])

    assert read_from_server(announced) == Gap(
        feed="users", first=5, last=4, epoch=NEW, cause="epoch"
    )
    assert [line, *payloads(b"".join(frames[2:]))] == LINES[4:7]
    assert list(payloads(frames[0])) == [LINES[3]]


def test_frames_do_not_depend_on_the_cut() -> None:
    """Frames are the same however the offsets are split into ranges."""
    whole = make_frames("users", SCHEDULE, 1, LINES)

    for cut in range(len(LINES) + 1):
        parts = make_frames("users", SCHEDULE, 1, LINES[:cut])
        parts += make_frames("users", SCHEDULE, cut + 1, LINES[cut:])
        assert parts == whole
