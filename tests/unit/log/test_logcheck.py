"""Block logs checked on their own: every kind of damage has its sentence."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.core.protocol import HISTORY
from clientapp.log.findings import MAX_KEPT, Findings
from clientapp.log.parse import NotABlockLog
from clientapp.log.reader import read_tail
from clientapp.log.scanner import Scanner
from tests.support.block_logs import (
    ALICE,
    BOB,
    NEW,
    OLD,
    STARTED_US,
    arrays,
    gap,
    good_log,
    seal,
    session_log,
    users,
)

GOOD = good_log()
LINES = GOOD.split(b"\n")[:-1]
ONE = replace(ALICE, block_size=1)
SMALL = session_log(ONE, users(1, 2)) + b"\n" + session_log(BOB, users(3, 5), offset=2)


def check(log: bytes) -> Findings:
    """Judge a log."""
    findings, scanner = Findings(), Scanner(thorough=True)
    for part in scanner.scan(io.BytesIO(log)):
        findings.take(part)
    findings.torn_bytes = scanner.torn_bytes
    return findings


def is_noticed(log: bytes) -> bool:
    """Tell whether a log has a fault or a torn tail."""
    findings, scanner = Findings(), Scanner(thorough=True)
    try:
        for part in scanner.scan(io.BytesIO(log)):
            findings.take(part)
            if not findings.is_whole:  # the rest cannot change that
                return True
    except NotABlockLog:
        return True
    return scanner.torn_bytes > 0


def texts(log: bytes) -> list[str]:
    """Return the faults of a log."""
    return [fault.text for fault in check(log).faults.kept]


def header(change: Callable[[dict[str, Any]], object], *, block: int = 1) -> bytes:
    """Return the good log with the header of alice's *block* changed, sealed again."""
    mark = b'# block {"block":%d,' % block
    at = GOOD.index(mark) + len(b"# block ")
    end = GOOD.index(b"\n", at)
    obj = json.loads(GOOD[at:end])
    change(obj)
    changed = json.dumps(obj, separators=(",", ":")).encode()
    return seal(GOOD[:at] + changed + GOOD[end:])


def test_good_log_is_whole() -> None:
    """A log written by the client is whole, including gaps, epochs and sessions."""
    findings = check(GOOD)
    assert (findings.is_whole, findings.warnings.count, findings.torn_bytes) == (True, 0, 0)
    found = [
        (each.asked.client, each.blocks, each.messages, each.gaps) for each in findings.sessions
    ]
    assert found == [("alice", 3, 12, 3), ("bob", 2, 6, 5)]
    first = findings.sessions[0]
    assert (first.started_at, first.finished_at) == (STARTED_US, STARTED_US + 13_000_000)
    assert seal(GOOD) == GOOD


def test_empty_log_has_no_fault() -> None:
    """An empty log has no session and no fault."""
    assert check(b"") == Findings()


def test_unstarted_feed_may_change_epoch() -> None:
    """A feed without messages may change its epoch without a gap."""
    log = session_log(ALICE, [*users(1, 8), *arrays(1, 4)])
    at = f'"arrays":["{OLD}",0]'.encode()
    assert texts(seal(log.replace(at, b'"arrays":["",0]', 1))) == []
    assert texts(seal(log.replace(at, at.replace(b",0]", b",1]"), 1))) != []


@pytest.mark.parametrize("taken", [4, 6])
def test_rollback_is_explained_and_not_a_fault(taken: int) -> None:
    """Offsets may be repeated after a gap with the cause history, even within a block."""
    rollback = replace(gap(3, 2), cause=HISTORY)
    log = session_log(ALICE, [*users(1, taken), rollback, *users(3, 14 - taken)])
    findings = check(log)
    assert findings.is_whole, findings.faults
    (found,) = findings.sessions
    assert (found.messages, found.rollbacks) == (12, 1)
    (remark,) = findings.remarks.kept
    assert remark.text == (
        f"history was rolled back: users stood at {taken} and continues after 2; "
        "these offsets are repeated, with other messages"
    )


def test_gap_cause_cannot_forge_a_line() -> None:
    """Line feeds in the cause of a gap are escaped."""
    forged = replace(gap(3, 4), cause="a\n=== end of block 1: 2 messages")
    log = session_log(ALICE, [*users(1, 2), forged, *users(5, 6)])
    assert (texts(log), rb"4: a\n=== end of block 1: 2 messages, goes on" in log) == ([], True)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"users 9 ", b"users 7 ", "users 7 stands after users 8"),
        (b"users 9 ", b"users 10 ", "users 10 follows users 8, and no gap is noted"),
        (b"users 9 ", b"other 9 ", "feed other is not part of this session"),
        (b"gap users 11", b"gap users 12", "the gap in users begins at 12, but users stood at 10"),
        (b"gap users 11", b"gap other 11", "feed other is not part of this session"),
        (b"11 to 13", b"11 to 9", "the gap in users ends at 9 before it begins at 11"),
        (b"15 to 14: unavailable, goes on in b", b"15 to 14: unavailable, goes on in c", "epoch"),
        (b"in ba9876543210", b"in 0123456789ab", "the gap in users changes nothing"),
        (b'{"name":"G\xc3\xb6del 9"}', b"{", "this is not JSON"),
        (b'{"name":"G\xc3\xb6del 9"}', b"\xff", "this is not UTF-8"),
        (b'{"name":"G\xc3\xb6del 9"}', b'{"age":9}', "the members of users 9 do not match select"),
        (b"--- gap users 11 to", b"--- gap users 11 till", "this is not the line of a gap"),
        (b"11-21T08:33:21", b"13-21T08:33:21", "is not a time"),
        (b"=== block 1: 4", b"=== block 1: 5", "this line does not match the header"),
        (b"# block {", b"# block [", "this header cannot be read"),
        (b"# block {", b"# black {", "the header is missing before this line"),
        (b"=== block 1", b"=== black 1", "neither a block nor a session begins with this line"),
        (b"=== end of block 1: 4", b"=== end of block 1: 5", "the end line is of block 1 with 5"),
        (b"=== end of block 1: 4", b"=== end of block 2: 4", "the end line is of block 2 with 4"),
        (b"=== end of block 1: 4", b"=== end of block 1: x", "this is not the end line of a block"),
    ],
)
def test_damage_is_explained(old: bytes, new: bytes, expected: str) -> None:
    """Damage is described by its cause, even if the checksum was made to match."""
    assert old in GOOD
    damaged = GOOD.replace(old, new, 1)
    for log in (damaged, seal(damaged)):
        assert [text for text in texts(log) if expected in text] != []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"users 9 00000009 ", b"users 9 00000009  ", "block 1 does not match its checksum"),
        (b"del 9", b"del 8", "block 1 does not match its checksum"),
        (b'"interrupted":false', b'"interrupted":true', "block 1 does not match its checksum"),
        (b"crc32 a0533647", b"crc32 00000000", "block 1 does not match its checksum"),
        (b'"client":"bob"', b'"client":"rob"', "the session line does not match its checksum"),
    ],
)
def test_checksum_reveals_other_damage(old: bytes, new: bytes, expected: str) -> None:
    """Damage that nothing else reveals is found by the checksum."""
    assert old in GOOD
    (text,) = texts(GOOD.replace(old, new, 1))
    assert expected in text


def test_fault_names_its_place() -> None:
    """A fault names its line, and the byte at which that line starts."""
    log = GOOD.replace(b"users 9 ", b"users 7 ", 1)
    (fault, *_) = check(log).faults.kept
    assert (fault.line, fault.text) == (6, "users 7 stands after users 8")
    assert log[fault.byte :].startswith(b"2026-11-21T08:33:21.000000Z users 7 ")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("text", "Client alice received 1 block in 3.001 s time", "it should be 'Client alice"),
        ("started_at", 1, "the header says started_at 1, and it should be 1795250000000000"),
        ("finished_at", 1, "the header says finished_at 1, and it should be 1795250003000000"),
        ("block", 2, "block 2 stands where block 1 should"),
        ("seconds", 3.5, "it should be 'Client alice received 1 block in 3.500 s time'"),
        ("latency", {"p50": 2, "p99": 1, "max": 3}, "the header's latencies are out of order"),
        ("positions", {"users": [OLD, 10]}, "the header says positions of ['users']"),
        ("positions", {"users": [OLD], "arrays": [OLD, 8]}, "it must be [epoch, offset]"),
        ("positions", {"users": [OLD, 11], "arrays": [OLD, 8]}, "and it should be ['0123456789ab"),
        ("positions", {"users": [NEW, 10], "arrays": [OLD, 8]}, "position of users ['ba987654321"),
        ("size", 5, "this header cannot be read: size is 5, but the counts add up to 4"),
    ],
)
def test_header_must_match_its_lines(key: str, value: object, expected: str) -> None:
    """A header that contradicts its lines is a fault, even with a right checksum."""
    found = texts(header(lambda obj: obj.update({key: value})))
    assert [text for text in found if expected in text] != []


@pytest.mark.parametrize(
    ("key", "value"), [("epoch", OLD), ("first", 13), ("last", 17), ("count", 2), ("gaps", 1)]
)
def test_range_must_match_its_lines(key: str, value: object) -> None:
    """Every field of a range must match the lines."""

    def change(obj: dict[str, Any]) -> None:
        obj["feeds"]["users"][key] = value
        obj["size"] = sum(part["count"] for part in obj["feeds"].values())

    found = texts(header(change, block=2))
    assert [text for text in found if f"{key} of users {value!r}" in text] != []


def test_feed_with_messages_needs_a_range() -> None:
    """A feed with messages in a block must have a range in its header."""

    def change(obj: dict[str, Any]) -> None:
        del obj["feeds"]["arrays"]
        obj["size"] = 3

    expected = "the header says feeds ['users'], and it should be ['users', 'arrays']"
    assert expected in texts(header(change))


def test_block_of_another_size_is_a_fault() -> None:
    """Every block has exactly the block size of its session."""
    log = session_log(replace(ALICE, block_size=3), users(1, 3))
    found = texts(seal(log.replace(b'"block_size":3', b'"block_size":4', 1)))
    assert found == ["the header says size 3, and it should be 4"]


def test_block_of_one_takes_no_time() -> None:
    """A block time above zero for a single message is a fault."""
    log = session_log(ONE, users(1, 1))
    changed = log.replace(b'"seconds":0.0', b'"seconds":0.0001', 1)
    assert texts(seal(changed)) == ["the header says seconds 0.0001, and it should be 0.0"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(3.0, 0), (3.1, 0), (3.11, 1), (2.9, 0), (2.89, 1)],
)
def test_differing_clocks_are_a_warning(seconds: float, expected: int) -> None:
    """Clocks that differ by more than 0.1 s and 0.1 % cause a warning; they are not a fault."""
    old, new = b"3.000 s", b"%.3f s" % seconds
    begin, end = GOOD.index(b"=== block 1"), GOOD.index(b"2026", GOOD.index(b"# block"))
    block = GOOD[begin:end].replace(old, new).replace(b'"seconds":3.0', b'"seconds":%.2f' % seconds)
    findings = check(seal(GOOD[:begin] + block + GOOD[end:]))
    assert (findings.is_whole, findings.warnings.count) == (True, expected)


def test_decreasing_stamps_are_a_warning() -> None:
    """A wall clock that was set back causes a warning; it is not a fault."""
    log = seal(GOOD.replace(b"33:22.000000Z arrays", b"33:20.500000Z arrays", 1))
    findings = check(log)
    found = [warning.text for warning in findings.warnings.kept]
    assert (findings.is_whole, found) == (True, ["receive times go back within the block"])


def test_missing_block_is_noticed() -> None:
    """A block that was removed leaves a hole in the numbers and the offsets."""
    begin, end = GOOD.index(b"=== block 2"), GOOD.index(b"=== block 3")
    found = texts(GOOD[:begin] + GOOD[end:])
    assert found == [
        "block 3 stands where block 2 should",
        "arrays 10 follows arrays 8, and no gap is noted",
        f"the header says position of users ['{NEW}', 16], and it should be ['{OLD}', 10]",
    ]


def test_repeated_block_is_noticed() -> None:
    """A block that occurs twice is reported."""
    begin, end = GOOD.index(b"=== block 1"), GOOD.index(b"=== block 2")
    found = texts(GOOD[:end] + GOOD[begin:end] + GOOD[end:])
    assert found[:2] == ["block 1 stands where block 2 should", "users 8 stands after users 10"]


def test_missing_end_line_is_noticed() -> None:
    """A block without its end line is reported, and the next block is read."""
    log = b"\n".join(line for line in LINES if not line.startswith(b"=== end of block 2: 4"))
    assert texts(log + b"\n") == ["block 2 has no end line before this line"]


def test_damage_does_not_spread() -> None:
    """Everything after a block with a lost header is checked as before."""
    at = GOOD.index(b"# block")
    findings = check(GOOD[:at] + b"# blank" + GOOD[at + 7 :])
    assert [fault.text for fault in findings.faults.kept] == [
        "the header is missing before this line"
    ]
    assert [session.blocks for session in findings.sessions] == [2, 2]


def test_blocks_of_a_damaged_session_are_not_judged() -> None:
    """Blocks below a damaged session line are not checked; blocks of the next session are."""
    findings = check(GOOD.replace(b"first-session-key", b"worst-session-key", 1))
    expected = (
        "the session line does not match its checksum; the blocks of this session are not checked"
    )
    assert [fault.text for fault in findings.faults.kept] == [expected]
    assert [session.asked.client for session in findings.sessions] == ["bob"]


def test_kept_faults_are_bounded() -> None:
    """All faults are counted, and only the first ones are kept."""
    log = session_log(ONE, users(1, 40))
    findings = check(log.replace(b"messages, crc32 ", b"messages, crc32 x"))
    assert (findings.faults.count, len(findings.faults.kept)) == (40, MAX_KEPT)


def test_foreign_text_is_not_a_log() -> None:
    """A file that does not start like a log is refused."""
    for text in (b"Dear Ada,\n", b"#", b"\0" * 100, b"# session notes\n"):
        with pytest.raises(NotABlockLog, match="its first line is not a session line"):
            check(text)


def test_cut_log_has_no_fault() -> None:
    """A log cut anywhere has no fault; the torn tail is what a client would cut off."""
    for size in range(len(b"# session {"), len(SMALL) + 1):
        findings = check(SMALL[:size])
        torn = size - read_tail(SMALL[:size]).end
        assert (findings.is_whole, findings.torn_bytes) == (True, torn), size


def test_every_changed_byte_is_noticed() -> None:
    """No byte of a good log can change unnoticed."""
    for at, byte in enumerate(SMALL):
        for other in {byte ^ 1, 0x0A} - {byte}:
            assert is_noticed(SMALL[:at] + bytes([other]) + SMALL[at + 1 :]), at


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_changed_byte(at: int, byte: int) -> None:
    """A log with one changed byte is not whole."""
    changed = GOOD[:at] + bytes([byte]) + GOOD[at + 1 :]
    assert is_noticed(changed) == (changed != GOOD)


@pytest.mark.parametrize("at", range(len(LINES)))
def test_removed_or_doubled_line(at: int) -> None:
    """A log with a line removed or duplicated is not whole."""
    for lines in (LINES[:at] + LINES[at + 1 :], LINES[: at + 1] + LINES[at:]):
        assert is_noticed(b"\n".join(lines) + b"\n")


@given(st.integers(0, len(LINES) - 1), st.integers(0, len(LINES) - 1))
def test_swapped_lines(one: int, other: int) -> None:
    """A log with two different lines swapped is not whole."""
    lines = list(LINES)
    lines[one], lines[other] = lines[other], lines[one]
    assert is_noticed(b"\n".join(lines) + b"\n") == (lines != LINES)


JUDGED = GOOD.replace(
    b"\n\n=== block 3", b"\n=== verdict of block 1: verified\n\n=== block 3", 1
).replace(
    b"\n\n# session",
    b"\n=== verdict of block 3: verified\n=== verdict of block 2: broken, cause unknown\n"
    b"=== verdict of block 2: broken, users: 14 missing\n\n# session",
    1,
)


def test_verdicts_are_counted() -> None:
    """The last verdict of a block counts, wherever in its session it is."""
    findings = check(JUDGED)
    assert (findings.faults.kept, findings.torn_bytes) == ([], 0)
    verdicts = [session.verdicts for session in findings.sessions]
    assert verdicts == [{"verified": 2, "broken": 1}, {}]


def test_block_judged_again_counts_once() -> None:
    """Two verdicts of one block count as one, even if the first is verified."""
    again = b"".join(b"\n=== verdict of block %d: verified" % block for block in (1, 2, 3))
    findings = check(JUDGED.replace(b"\n\n# session", again + b"\n\n# session", 1))
    assert findings.faults.kept == []
    assert [session.verdicts for session in findings.sessions] == [{"verified": 3}, {}]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"block 1: verified", b"block 9: verified", "a verdict of block 9 stands before"),
        (b"block 1: verified", b"block 1 verified", "this is not the line of a verdict"),
        (b"block 1: verified", b"block 1: Verified", "this is not the line of a verdict"),
    ],
)
def test_wrong_verdict_is_a_fault(old: bytes, new: bytes, expected: str) -> None:
    """A verdict must follow its block and have the documented form."""
    assert old in JUDGED
    assert [text for text in texts(JUDGED.replace(old, new, 1)) if expected in text] != []


def test_digest_must_match_the_lines() -> None:
    """An altered checksum contradicts the digest in the header."""
    changed = GOOD.replace(b"users 9 00000009", b"users 9 0000000b", 1)
    assert any("digest of users" in text for text in texts(seal(changed)))


def test_dropped_messages_are_noted() -> None:
    """A line about a dropped message is valid; if the message was new, the line is a fault."""
    after = b'users 9 00000009 {"name":"G\xc3\xb6del 9"}\n'
    assert after in GOOD
    for line, fault in (
        (b"--- again users 9 00000009\n", None),
        (b"--- again users 10 0000000a\n", "users 10 is new, but was dropped"),
        (b"--- again other 9 00000009\n", "feed other is not part of this session"),
        (b"--- again users 9\n", "this is not the line of a message that arrived again"),
    ):
        found = texts(seal(GOOD.replace(after, after + line, 1)))
        assert found == ([] if fault is None else [fault]), line


def test_log_of_another_format_is_refused() -> None:
    """A log written by an older client is left unchanged, and a sentence names its format."""
    old = session_log(ALICE, users(1, 4)).replace(b'"format":2', b'"format":1', 1)
    line = old.split(b"\n", 1)[0]
    asked = line[len(b"# session ") : line.index(b" crc32 ")]
    sealed = b"# session %b crc32 %08x\n" % (asked, crc32(asked))
    with pytest.raises(NotABlockLog, match="its format is 1; this client knows format 2"):
        read_tail(sealed)
