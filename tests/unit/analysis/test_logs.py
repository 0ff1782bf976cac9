"""Block logs read as trials."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from clientapp.core.analysis.trial import Condition
from clientapp.core.errors import CouldNot
from clientapp.study.blockfiles import read_blocks
from clientapp.study.logs import COUNTED, ESTIMATED, OF_BLOCKS, read_logs, trial_of
from clientapp.verify import verify
from clientapp.wire.report import Clock
from tests.support.block_logs import (
    ALICE,
    BOB,
    NEW,
    STARTED_US,
    Frame,
    arrays,
    gap,
    session_log,
    users,
)

FOURS = replace(ALICE, feeds=("users",))
THREES = replace(BOB, feeds=("users",))


def write(folder: Path, **logs: bytes) -> list[Path]:
    """Write *logs* into *folder*; return their paths."""
    for name, text in logs.items():
        (folder / f"{name}.log").write_bytes(text)
    return [folder / f"{name}.log" for name in logs]


def test_logs_side_by_side(tmp_path: Path) -> None:
    """Two clients at the same time are two conditions, at the rate of their feed."""
    alice = session_log(FOURS, users(1, 24))
    bob = session_log(THREES, users(1, 24))
    reading = read_logs(write(tmp_path, alice=alice, bob=bob), None)
    four, three = reading.trials
    assert four.condition == Condition(1.0, 2, 4, "users")
    assert three.condition == Condition(1.0, 2, 3, "users")
    assert [block.seconds for block in four.blocks] == [3.0] * 6
    assert [block.number for block in three.blocks] == list(range(1, 9))
    assert (four.received, four.expected, four.duplicates) == (24, 24, 0)
    assert four.repeat == three.repeat == 1
    assert reading.notes == (COUNTED, ESTIMATED, OF_BLOCKS)


def test_a_stated_rate_is_taken(tmp_path: Path) -> None:
    """Whoever knows the rate states it, and nothing is estimated."""
    reading = read_logs(write(tmp_path, alice=session_log(FOURS, users(1, 4))), 2.5)
    assert reading.trials[0].condition == Condition(2.5, 1, 4, "users")
    assert reading.notes == (COUNTED, OF_BLOCKS)


def test_a_stated_rate_over_different_feeds_is_noted(tmp_path: Path) -> None:
    """One rate for clients of one feed and of two is hardly true of both, and a note says so."""
    both = session_log(ALICE, [*users(1, 2), *arrays(1, 2)])
    alone = session_log(FOURS, users(1, 4))
    turned = session_log(replace(ALICE, feeds=ALICE.feeds[::-1]), [*users(1, 2), *arrays(1, 2)])
    *_, note = read_logs(write(tmp_path, alone=alone, both=both), 2.0).notes
    assert "they have different feeds (arrays and users, users): ideal and overhead" in note
    for same in ({"one": both, "other": turned}, {"one": alone, "other": alone}):
        assert read_logs(write(tmp_path, **same), 2.0).notes == (COUNTED, OF_BLOCKS)
    long = session_log(FOURS, users(1, 8))
    assert read_logs(write(tmp_path, long=long, both=both), None).notes[:2] == (COUNTED, ESTIMATED)


def test_runs_one_after_another_are_repeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions that do not overlap in time repeat each other; several of one run do not."""
    first = session_log(FOURS, users(1, 8))
    beside = session_log(replace(FOURS, session="another-session-key"), users(1, 8))
    monkeypatch.setattr("tests.support.block_logs.STARTED_US", STARTED_US + 3_600_000_000)
    later = session_log(replace(FOURS, session="the-next-session-key"), users(9, 16), offset=8)
    lone, both = read_logs(write(tmp_path, first=first, beside=beside, later=later), None).trials
    if lone.condition.clients > both.condition.clients:
        lone, both = both, lone
    assert (both.condition.clients, both.repeat, len(both.blocks)) == (2, 1, 4)
    assert (lone.condition.clients, lone.repeat, len(lone.blocks)) == (1, 1, 2)
    assert {block.client for block in both.blocks} == {"alice first-se", "alice another-"}
    paths = write(tmp_path, first=first, later=later)
    assert [trial.repeat for trial in read_logs(paths, None).trials] == [1, 2]


def test_loss_is_exact(tmp_path: Path) -> None:
    """Every offset that a gap names was expected."""
    log = session_log(FOURS, [*users(1, 6), gap(7, 9), *users(10, 11)])
    (trial,) = read_logs(write(tmp_path, alice=log), 1.0).trials
    assert (trial.received, trial.expected) == (8, 11)


@pytest.mark.parametrize(
    ("came", "missing"),
    [
        ([*users(1, 6), *users(10, 15)], 3),
        ([*users(1, 4), *users(10, 17)], 5),
        ([*users(1, 6), *users(10, 11), *users(13, 15), gap(16, 17), *users(19, 19)], 7),
        ([*users(1, 5), *users(8, 9), gap(3, 2, NEW), *users(3, 7)], 2),
    ],
    ids=["in a block", "between blocks", "beside announced ones", "before a lower epoch"],
)
def test_loss_without_a_word_counts(tmp_path: Path, came: list[Frame], missing: int) -> None:
    """What a server lost and did not announce was expected, in every session of a log."""
    (path,) = write(tmp_path, alice=session_log(FOURS, came))
    other = session_log(
        replace(FOURS, session="the-next-session-key"), [*users(1, 6), *users(8, 9)]
    )
    path.write_bytes(path.read_bytes() + b"\n" + other)
    (trial,) = read_logs([path], 1.0).trials
    assert (trial.received, trial.expected) == (20, 20 + missing + 1)
    findings = verify(path).findings
    assert findings is not None
    assert findings.is_whole
    assert sum(session.gaps for session in findings.sessions) == missing + 1


def test_a_damaged_block_is_left_out_and_counted(tmp_path: Path) -> None:
    """What does not fit its checksum is no measurement, and the report says how many."""
    log = session_log(FOURS, users(1, 12)).replace(b"del 6", b"del 5")
    reading = read_logs(write(tmp_path, alice=log), 1.0)
    assert [block.number for block in reading.trials[0].blocks] == [1, 3]
    assert "Blocks that do not fit their checksum and are left out: 1." in reading.notes


def test_a_torn_tail_is_no_block(tmp_path: Path) -> None:
    """A block that is being written is not there yet."""
    log = session_log(FOURS, users(1, 8))
    (trial,) = read_logs(write(tmp_path, alice=log[:-30]), 1.0).trials
    assert [block.number for block in trial.blocks] == [1]


@pytest.mark.parametrize("torn", [1, 30, 100])
def test_a_torn_session_line_is_no_session(tmp_path: Path, torn: int) -> None:
    """A log that a crash cut in the line of a new session is whole, and is measured."""
    log = session_log(FOURS, users(1, 8)) + b"\n" + session_log(THREES, [])[:-torn]
    (path,) = write(tmp_path, alice=log)
    findings = verify(path).findings
    assert findings is not None
    assert findings.is_whole
    reading = read_logs([path], 1.0)
    assert [len(trial.blocks) for trial in reading.trials] == [2]
    assert reading.notes == (COUNTED, OF_BLOCKS)


def test_a_log_of_a_torn_session_line_is_empty(tmp_path: Path) -> None:
    """A crash in the very first line leaves a block log, though one without a block."""
    with pytest.raises(CouldNot, match="no whole block; let their clients"):
        read_logs(write(tmp_path, alice=session_log(FOURS, [])[:-30]), None)


def test_blocks_of_a_damaged_session_line_are_left_out_and_counted(tmp_path: Path) -> None:
    """Nobody knows who asked for them; what stands before and after is measured."""
    lost = session_log(replace(FOURS, session="the-next-session-key"), users(1, 12))
    lost = lost.replace(b"the-next-session-key", b"the-text-session-key")
    log = b"\n".join([session_log(FOURS, users(1, 8)), lost, session_log(THREES, users(1, 3))])
    reading = read_logs(write(tmp_path, alice=log), 1.0)
    counted = {trial.condition.block_size: len(trial.blocks) for trial in reading.trials}
    assert counted == {4: 2, 3: 1}
    sentence = "Blocks that are left out, for the line of their session cannot be read: 3."
    assert sentence in reading.notes
    with pytest.raises(CouldNot, match=f"no block to measure. {sentence}"):
        read_logs(write(tmp_path, alone=lost), 1.0)


def test_a_session_of_one_block_has_no_rate(tmp_path: Path) -> None:
    """A single block cannot say how fast its feed was meant to run; one beside it can."""
    paths = write(tmp_path, alice=session_log(FOURS, users(1, 4)))
    with pytest.raises(CouldNot, match="state it with --rate"):
        read_logs(paths, None)
    beside = write(tmp_path, bob=session_log(THREES, users(1, 9)))
    reading = read_logs(paths + beside, None)
    assert {trial.condition.rate for trial in reading.trials} == {1.0}
    other = write(tmp_path, carol=session_log(replace(BOB, feeds=("arrays",)), arrays(1, 3)))
    reading = read_logs(paths + beside + other, None)
    assert "Sessions too short to tell their rate, left out: 1." in reading.notes


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"Hello\n", "is not a block log"),
        (b"", "no whole block"),
        (session_log(FOURS, users(1, 3)), "no whole block"),
    ],
    ids=["something else", "empty", "no block yet"],
)
def test_what_cannot_be_read(tmp_path: Path, text: bytes, why: str) -> None:
    """What holds no measurement is answered with a sentence."""
    with pytest.raises(CouldNot, match=why):
        read_logs(write(tmp_path, alice=text), None)


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    """The sentence names the path and the reason."""
    with pytest.raises(CouldNot, match=r"none\.log cannot be read: No such file"):
        read_logs([tmp_path / "none.log"], None)


def test_the_error_of_the_clock_is_the_largest_one(tmp_path: Path) -> None:
    """Latencies are as sure as the clock of their least sure block; without one, nobody knows."""
    (path,) = write(tmp_path, alice=session_log(FOURS, users(1, 12)))
    (session,) = read_blocks(path).sessions
    condition = Condition(1.0, 1, 4)
    errors = (0.001, 0.004, 0.002)
    for block, error in zip(list(session.blocks), errors, strict=True):
        clock = Clock(offset=3.0, error=error)
        session.blocks.append(replace(block, report=replace(block.report, clock=clock)))
    unsure = trial_of(condition, 1, [session]).latency
    del session.blocks[:3]
    sure = trial_of(condition, 1, [session]).latency
    assert unsure is not None
    assert sure is not None
    assert (unsure.clock_error, sure.clock_error) == (None, 0.004)
