"""Fuzzed frames and requests; `python -m benchmarks.fuzzing` sends many more."""

from __future__ import annotations

from pathlib import Path

from benchmarks.fuzzing import run


def test_fuzzed_bytes_harm_nobody(tmp_path: Path) -> None:
    """No bytes cause a 5xx or a traceback, or cost an innocent client a message."""
    assert run(tmp_path, seed=1, frames=4000, requests=400) == []
