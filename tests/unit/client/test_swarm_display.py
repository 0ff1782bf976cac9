"""What a swarm came to, as its terminal shows it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from clientapp.swarm.display import FILE_WIDTH, _result
from clientapp.swarm.outcome import Outcome
from clientapp.swarm.status import PartStatus

PARTS = {
    "users:5": PartStatus(members=14, messages=1_234_567, expected=4, received=4, blocks=246_913),
    "users+arrays:10": PartStatus(members=14, messages=2_345_678, blocks=234_567),
}


@pytest.mark.parametrize("width", [80, 100, FILE_WIDTH])
def test_result_is_whole_at_any_width(width: int) -> None:
    """No name and no figure is cut, on a terminal of 80 columns and in a file."""
    outcome = Outcome(asked={}, parts=PARTS, loads=(), server=(), failures=(), seconds=1.0)
    console = Console(file=io.StringIO(), width=width, soft_wrap=True)
    console.print(_result(outcome, width))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for shown in ("members", "1,234,567", "3,580,245", "1.000000", "246,913", "users+arrays:10"):
        assert shown in text, text
    assert "…" not in text
    assert all(len(line) <= width for line in text.splitlines()), text
