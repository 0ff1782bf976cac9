"""The snapshots of all processes on one host."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from feeds.metrics.folder import Folder, Snapshots
from feeds.metrics.names import Values

SENT, SESSIONS = "blockfeed_messages_sent_total", "blockfeed_sessions"


def values(sent: int, sessions: int) -> Values:
    """Return the values of a process."""
    return {SENT: {"users": sent}, SESSIONS: {"": sessions}}


def sent(snapshots: Snapshots) -> float:
    """Return the messages that all processes have sent, ended ones included."""
    several = [snapshots.ended, *snapshots.running]
    return sum(one.get(SENT, {}).get("users", 0) for one in several)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a folder that does not exist yet."""
    return tmp_path / "state" / "metrics"


def process(path: Path, name: str, sent: int, sessions: int = 1) -> Folder:
    """Return the folder of a running process that has written a snapshot."""
    folder = Folder(path, name)
    folder.write(values(sent, sessions))
    return folder


def test_every_process_reads_all_running_ones(path: Path) -> None:
    """Each process finds the newest snapshot of every process, itself included."""
    one, two = process(path, "one", 10), process(path, "two", 5)
    one.write(values(11, 2))
    for folder in (one, two):
        found = folder.read()
        assert found.ended == {}
        assert sorted(found.running, key=sent_alone) == [values(5, 1), values(11, 2)]


def sent_alone(one: Values) -> float:
    """Return the messages of one snapshot."""
    return one[SENT]["users"]


def test_counters_of_ended_processes_stay_and_gauges_go(path: Path) -> None:
    """The counters of processes that ended are summed, and their other values are dropped."""
    reader = process(path, "reader", 1)
    for number in range(3):
        process(path, f"past-{number}", 10, sessions=7).leave()
    found = reader.read()
    assert found == Snapshots([values(1, 1)], {SENT: {"users": 30}})
    process(path, "later", 10).leave()
    assert reader.read() == Snapshots([values(1, 1)], {SENT: {"users": 40}})
    assert {one.name for one in path.iterdir()} == {
        "turn",
        "ended.json",
        "reader.json",
        "reader.lock",
    }


def test_counters_do_not_go_back_while_processes_come_and_go(path: Path) -> None:
    """No read shows less than an earlier one, in any process."""
    reader, seen = process(path, "reader", 0), 0.0
    for number in range(5):
        other = process(path, f"p{number}", 10)
        for folder in (reader, other, reader):
            assert sent(folder.read()) == (number + 1) * 10 >= seen
            seen = sent(folder.read())
        other.leave()
    assert sent(reader.read()) == seen


@pytest.mark.parametrize("left", [("lock",), ("lock", "json")])
def test_reader_killed_before_it_removed_files_counts_nobody_twice(
    path: Path, left: tuple[str, ...]
) -> None:
    """Files of an ended process that was counted already are only removed."""
    reader = process(path, "reader", 1)
    gone = process(path, "gone", 10)
    content = (path / "gone.json").read_text()
    gone.leave()
    assert sent(reader.read()) == 11
    for suffix in left:
        (path / f"gone.{suffix}").write_text(content if suffix == "json" else "")
    assert sent(reader.read()) == 11
    assert not list(path.glob("gone.*"))


@pytest.mark.parametrize("content", ["", "\0\0\0", '{"blockfeed_sessions": {"": 1'])
def test_snapshot_damaged_by_a_power_cut_is_left_out(path: Path, content: str) -> None:
    """A file that is not JSON counts as absent, even the file of ended processes."""
    reader = process(path, "reader", 1)
    other = process(path, "other", 10)
    (path / "other.json").write_text(content)
    (path / "ended.json").write_text(content)
    assert reader.read() == Snapshots([values(1, 1)], {})
    other.write(values(10, 1))
    assert sent(reader.read()) == 11


def test_names_of_another_version_are_not_carried_along(path: Path) -> None:
    """Counters of an ended process that this version does not know are dropped."""
    reader = process(path, "reader", 1)
    old = Folder(path, "old")
    old.write({"blockfeed_old_total": {"": 5}, SENT: {"users": 2}})
    old.leave()
    assert reader.read().ended == {SENT: {"users": 2}}


def test_only_the_owner_can_open_the_folder(path: Path) -> None:
    """The folder has mode 700, and each file 600."""
    process(path, "one", 1).read()
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in path.iterdir()} == {0o600}
    assert json.loads((path / "one.json").read_text()) == values(1, 1)
