"""The output of a swarm at the width of a terminal."""

from __future__ import annotations

from collections import Counter

import pytest

from clientapp.lab.swarm.display import Display
from clientapp.lab.swarm.histogram import Histogram
from clientapp.lab.swarm.outcome import Outcome
from clientapp.lab.swarm.status import PartStatus
from clientapp.lab.swarm.swarm import Swarm

BIG = PartStatus(
    members=10_000,
    reached=10_000,
    messages=123_456_789,
    expected=123_456_789,
    received=123_456_600,
    blocks=12_345_678,
    gaps=1_234_567,
    duplicates=123_456,
    verdicts=Counter(verified=12_345_677, broken=1),
    latencies=Histogram({1_234: 98, 1_234_567: 2}),
)
LONG = "users+arrays+orders+payments:100000"


def shown(width: int, monkeypatch: pytest.MonkeyPatch, **parts: PartStatus) -> Display:
    """Return the display of a swarm with *width* columns."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(Swarm, "parts", parts)
    display = Display(Swarm([], url="ws://h/", processes=1), quiet=False)
    display._console.width = width
    return display


@pytest.mark.parametrize("width", [80, 120, 200])
def test_no_number_is_cut(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The result and the live table fit the width, even with large numbers and long names."""
    parts = {"users:10": BIG, LONG: BIG}
    display = shown(width, monkeypatch, **parts)
    outcome = Outcome(asked={}, parts=parts, loads=[], server=[], failures=[], seconds=1.0)
    display.end(outcome)
    display._console.print(display._table())
    said = capsys.readouterr().out
    assert "…" not in said
    for words in ("246,913,578", "2,469,134", "0.999998", "24,691,356", "100.00%", "1234.6 ms"):
        assert words in said
    assert max(map(len, said.splitlines())) <= width
    assert "".join(said.split()).count("100000") >= 1


def test_wide_terminal_shows_a_part_on_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A part takes one line if it fits, and two lines on 60 columns."""
    parts = {"users:10": PartStatus(members=8)}
    outcome = Outcome(asked={}, parts=parts, loads=[], server=[], failures=[], seconds=1.0)
    for width, lines in ((120, 1), (60, 2)):
        shown(width, monkeypatch, **parts).end(outcome)
        said = capsys.readouterr().out.splitlines()
        assert sum(line.startswith("users:10") for line in said) == lines


def test_server_that_ended_is_gone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The live line and the result say that the server is gone, and show no current core share."""
    monkeypatch.setattr(Swarm, "server", 0.25)
    display = shown(80, monkeypatch, users=BIG)
    assert display._shares() == "load -, server 25%"
    monkeypatch.setattr(Swarm, "is_server_gone", True)
    assert display._shares() == "load -, server ended"
    display.end(
        Outcome(
            asked={},
            parts={"users": BIG},
            loads=[],
            server=[0.25],
            failures=[],
            seconds=1.0,
            is_server_gone=True,
        )
    )
    said = " ".join(capsys.readouterr().out.split())
    assert "server: its process (--server-pid) ended before the swarm did" in said


def test_swarm_without_a_complete_block_says_what_to_change(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a block there is no latency, so the result names the options that help."""
    hint = "no block was complete: try smaller blocks (--mix users:2) or more --seconds"
    few = PartStatus(members=12, reached=12, messages=96, expected=96, received=96)
    for part, is_told in ((few, True), (BIG, False)):
        parts = {"users:10": part}
        outcome = Outcome(asked={}, parts=parts, loads=[], server=[], failures=[], seconds=8.0)
        shown(80, monkeypatch, **parts).end(outcome)
        assert (hint in capsys.readouterr().out) is is_told
