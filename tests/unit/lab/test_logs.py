"""Block logs read as trials."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from clientapp.core.errors import CouldNot
from clientapp.figures.measured import Reason
from clientapp.lab.analysis.trial import Condition, LatencyFigures
from clientapp.lab.study.blockfiles import read_blocks
from clientapp.lab.study.folder import read_folder
from clientapp.lab.study.logs import COUNTED, OF_BLOCKS, read_logs
from clientapp.lab.study.trials import seen_blocks, trial_of
from clientapp.verify import verify
from clientapp.wire.message import Message
from clientapp.wire.report import Clock
from tests.support.block_logs import (
    ALICE,
    BOB,
    NEW,
    STARTED_US,
    Frame,
    gap,
    judged,
    seal,
    session_log,
    users,
)

FOURS = replace(ALICE, feeds=("users",))
THREES = replace(BOB, feeds=("users",))


def write(folder: Path, **logs: bytes) -> list[Path]:
    """Write *logs* into *folder*, verified unless they have verdicts; return the paths."""
    for name, text in logs.items():
        (folder / f"{name}.log").write_bytes(judged(text) if b"=== verdict" not in text else text)
    return [folder / f"{name}.log" for name in logs]


def test_concurrent_clients_are_separate_conditions(tmp_path: Path) -> None:
    """Concurrent clients with different block sizes are two conditions, at their feed's rate."""
    alice = session_log(FOURS, users(1, 24))
    bob = session_log(THREES, users(1, 24))
    reading = read_logs(write(tmp_path, alice=alice, bob=bob))
    four, three = reading.trials
    assert four.condition == Condition(1.0, 2, 4, "users 1/s")
    assert three.condition == Condition(1.0, 2, 3, "users 1/s")
    assert [block.seconds for block in four.blocks] == [3.0] * 6
    assert [block.number for block in three.blocks] == list(range(1, 9))
    assert (four.received, four.expected, four.duplicates) == (24, 24, 0)
    assert four.repeat == three.repeat == 1
    assert (reading.notes, reading.bound) == ((COUNTED, OF_BLOCKS), None)


def test_two_rates_are_two_conditions(tmp_path: Path) -> None:
    """A change of rate is inferred from the intended times, so no rate has to be stated."""
    due = [*range(8), *(8 + n / 5 for n in range(9))]
    frames: list[Frame] = [
        replace(one, at=STARTED_US + round(at * 1e6))
        for one, at in zip(users(1, 17), due, strict=True)
        if isinstance(one, Message)
    ]
    reading = read_logs(write(tmp_path, alice=session_log(FOURS, frames)))
    assert [(one.condition.feeds, one.condition.rate) for one in reading.trials] == [
        ("users 1/s", 1.0),
        ("users 5/s", 5.0),
    ]
    assert [block.ideal for block in reading.trials[1].blocks] == [0.6, 0.6]


def test_ideal_comes_from_the_intended_times(tmp_path: Path) -> None:
    """If every message was equally late, no block took longer than its ideal."""
    (trial,) = read_logs(write(tmp_path, alice=session_log(FOURS, users(1, 8)))).trials
    assert [(block.seconds, block.ideal) for block in trial.blocks] == [(3.0, 3.0)] * 2


def test_left_out_blocks_are_counted(tmp_path: Path) -> None:
    """Broken, unverifiable and unjudged blocks are not timed; broken ones count as loss."""
    log = session_log(FOURS, [*users(1, 6), *users(9, 22)])
    log = judged(log, block_2="broken", block_3="unverifiable")
    log = log.replace(b"=== verdict of block 4: verified\n", b"")
    reading = read_logs(write(tmp_path, alice=log))
    (trial,) = reading.trials
    assert [block.number for block in trial.blocks] == [1, 5]
    assert trial.left_out == {Reason.BROKEN: 1, Reason.UNVERIFIABLE: 1, Reason.UNJUDGED: 1}
    assert reading.left_out == trial.left_out
    assert (trial.received, trial.expected) == (16, 18)
    assert "Left out: 1 broken, 1 unverifiable, 1 not yet judged." in [*reading.opening()][1]


def test_interrupted_blocks_are_left_out(tmp_path: Path) -> None:
    """A block around a reconnect changes neither times nor latencies."""
    log = session_log(FOURS, users(1, 12))
    one, other = b'"block":2,', b'"interrupted":false'
    start = log.index(other, log.index(one))
    log = seal(log[:start] + b'"interrupted":true' + log[start + len(other) :])
    reading = read_logs(write(tmp_path, alice=log))
    assert [block.number for block in reading.trials[0].blocks] == [1, 3]
    assert reading.left_out == {Reason.INTERRUPTED: 1}


def test_log_of_an_older_client_cannot_be_timed(tmp_path: Path) -> None:
    """Without intended times there is no ideal, and the sentence says what is missing."""
    log = re.sub(rb',"due":.*?\]', b"", session_log(FOURS, users(1, 8)))
    with pytest.raises(CouldNot, match=r"can be timed\. Left out: 2 without a known ideal time"):
        read_logs(write(tmp_path, alice=seal(log)))


def test_consecutive_runs_are_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions that do not overlap in time are repeats; sessions of one run are not."""
    first = session_log(FOURS, users(1, 8))
    beside = session_log(replace(FOURS, session="another-session-key"), users(1, 8))
    monkeypatch.setattr("tests.support.block_logs.STARTED_US", STARTED_US + 3_600_000_000)
    later = session_log(replace(FOURS, session="the-next-session-key"), users(9, 16), offset=8)
    lone, both = read_logs(write(tmp_path, first=first, beside=beside, later=later)).trials
    if lone.condition.clients > both.condition.clients:
        lone, both = both, lone
    assert (both.condition.clients, both.repeat, len(both.blocks)) == (2, 1, 4)
    assert (lone.condition.clients, lone.repeat, len(lone.blocks)) == (1, 1, 2)
    assert {block.client for block in both.blocks} == {"alice first-se", "alice another-"}
    paths = write(tmp_path, first=first, later=later)
    assert [trial.repeat for trial in read_logs(paths).trials] == [1, 2]


def test_loss_is_exact(tmp_path: Path) -> None:
    """Every offset in a gap counts as expected."""
    log = session_log(FOURS, [*users(1, 6), gap(7, 9), *users(10, 11)])
    (trial,) = read_logs(write(tmp_path, alice=log)).trials
    assert (trial.received, trial.expected) == (8, 11)


@pytest.mark.parametrize(
    ("came", "missing"),
    [
        ([*users(1, 6), *users(10, 15)], 3),
        ([*users(1, 4), *users(10, 17)], 5),
        ([*users(1, 6), *users(10, 11), *users(13, 15), gap(16, 17), *users(19, 19)], 7),
        ([*users(1, 5), *users(8, 9), gap(3, 2, NEW), *users(3, 7)], 2),
    ],
    ids=["in a block", "between blocks", "beside an announced gap", "before a lower epoch"],
)
def test_unannounced_loss_counts(tmp_path: Path, came: list[Frame], missing: int) -> None:
    """Messages lost without an announcement count as expected in every session of a log."""
    (path,) = write(tmp_path, alice=session_log(FOURS, came))
    other = session_log(
        replace(FOURS, session="the-next-session-key"), [*users(1, 6), *users(8, 9)]
    )
    path.write_bytes(path.read_bytes() + b"\n" + judged(other))
    (trial,) = read_logs([path]).trials
    assert (trial.received, trial.expected) == (20, 20 + missing + 1)
    findings = verify(path).findings
    assert findings is not None
    assert findings.is_whole
    assert sum(session.gaps for session in findings.sessions) == missing + 1


def test_damaged_block_is_left_out_and_counted(tmp_path: Path) -> None:
    """A block with a wrong checksum is left out, and the report counts it."""
    log = session_log(FOURS, users(1, 12)).replace(b"del 6", b"del 5")
    reading = read_logs(write(tmp_path, alice=log))
    assert [block.number for block in reading.trials[0].blocks] == [1, 3]
    assert "Blocks left out because they do not match their checksum: 1." in reading.notes


def test_torn_tail_is_not_a_block(tmp_path: Path) -> None:
    """A block that is still being written does not count."""
    log = session_log(FOURS, users(1, 8))
    (trial,) = read_logs(write(tmp_path, alice=log[:-30])).trials
    assert [block.number for block in trial.blocks] == [1]


@pytest.mark.parametrize("torn", [1, 30, 100])
def test_torn_session_line_is_not_a_session(tmp_path: Path, torn: int) -> None:
    """A log that is cut off inside a new session's line still counts as whole, and is measured."""
    log = session_log(FOURS, users(1, 8)) + b"\n" + session_log(THREES, [])[:-torn]
    (path,) = write(tmp_path, alice=log)
    findings = verify(path).findings
    assert findings is not None
    assert findings.is_whole
    path.write_bytes(judged(path.read_bytes()))
    reading = read_logs([path])
    assert [len(trial.blocks) for trial in reading.trials] == [2]
    assert reading.notes == (COUNTED, OF_BLOCKS)


def test_log_of_a_torn_session_line_is_empty(tmp_path: Path) -> None:
    """A crash in the first line leaves a block log without blocks."""
    with pytest.raises(CouldNot, match="no whole block; let their clients"):
        read_logs(write(tmp_path, alice=session_log(FOURS, [])[:-30]))


def test_blocks_of_a_damaged_session_line_are_left_out(tmp_path: Path) -> None:
    """Blocks of an unreadable session line are not measured; other sessions are."""
    lost = session_log(replace(FOURS, session="the-next-session-key"), users(1, 12))
    lost = lost.replace(b"the-next-session-key", b"the-text-session-key")
    log = b"\n".join([session_log(FOURS, users(1, 8)), lost, session_log(THREES, users(1, 3))])
    reading = read_logs(write(tmp_path, alice=log))
    counted = {trial.condition.block_size: len(trial.blocks) for trial in reading.trials}
    assert counted == {4: 2, 3: 1}
    sentence = "Blocks left out because the line of their session cannot be read: 3."
    assert sentence in reading.notes
    with pytest.raises(CouldNot, match=f"no block to measure. {sentence}"):
        read_logs(write(tmp_path, alone=lost))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"Hello\n", "is not a block log"),
        (b"", "no whole block"),
        (session_log(FOURS, users(1, 3)), "no whole block"),
    ],
    ids=["not a log", "empty", "no block"],
)
def test_file_without_measurements_is_refused(tmp_path: Path, text: bytes, why: str) -> None:
    """A file without measurements is refused in one sentence."""
    with pytest.raises(CouldNot, match=why):
        read_logs(write(tmp_path, alice=text))


def test_missing_log_is_named(tmp_path: Path) -> None:
    """The sentence names the path and the reason."""
    with pytest.raises(CouldNot, match=r"none\.log cannot be read: No such file"):
        read_logs([tmp_path / "none.log"])


def test_clock_error_is_the_largest(tmp_path: Path) -> None:
    """The least certain clock of all blocks counts; without a clock there is no latency."""
    (path,) = write(tmp_path, alice=session_log(FOURS, users(1, 12)))
    (session,) = read_blocks(path).sessions
    condition = Condition(1.0, 1, 4)

    def latency() -> LatencyFigures | None:
        found = trial_of(condition, 1, [*seen_blocks(session)])
        assert found is not None
        return found.latency

    assert latency() is None
    for at, error in enumerate((0.001, 0.004, 0.002)):
        block, clock = session.blocks[at], Clock(offset=3.0, error=error)
        header = replace(block.header, report=replace(block.report, clock=clock))
        session.blocks[at] = replace(block, header=header)
    sure = latency()
    assert sure is not None
    assert (sure.p50, sure.clock_error) == (0.002, 0.004)


def test_folder_of_logs_is_read(tmp_path: Path) -> None:
    """The logs of a folder are read together; a folder without logs is refused."""
    with pytest.raises(CouldNot, match=r"neither a sweep \(sweep.json\) nor a block log"):
        read_folder(tmp_path)
    write(tmp_path, alice=session_log(FOURS, users(1, 8)), bob=session_log(THREES, users(1, 9)))
    reading = read_folder(tmp_path)
    assert [len(trial.blocks) for trial in reading.trials] == [2, 3]
    assert "is unknown whether" in [*reading.opening()][-1]


def test_load_side_bottleneck_is_reported_first(tmp_path: Path) -> None:
    """If the outcome beside the logs blames the load side, the report starts with it."""
    write(tmp_path, alice=session_log(FOURS, users(1, 8)))
    outcome = tmp_path / "outcome.json"
    outcome.write_text('{"is_load_bound": false, "why": ""}')
    assert read_folder(tmp_path).bound == ()
    outcome.write_text('{"is_load_bound": true, "why": "the load side is the bottleneck"}')
    first = next(read_folder(tmp_path).opening())
    assert first == "Do not trust the figures below: the load side is the bottleneck."
    outcome.write_text("[]")
    with pytest.raises(CouldNot, match="is not the outcome of a swarm"):
        read_folder(tmp_path)
