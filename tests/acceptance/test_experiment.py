"""``make experiment`` on the smallest scale: its own server, two rates, one report."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tools import experiment, ports

SWEEP = ("--block-sizes=1,2", "--clients=2,3", "--repeats=1", "--seconds=1")


def test_experiment_measures_every_condition(
    tmp_path: Path, worker_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every condition is measured at both rates, labelled, and part of one report."""
    monkeypatch.setattr(experiment, "OUT", tmp_path)
    monkeypatch.setattr(experiment, "RATES", (10, 20))
    monkeypatch.setattr(experiment, "SWEEP", SWEEP)
    # Workers must not race for a port between finding and taking it.
    monkeypatch.setattr(ports, "FIRST_PORT", 8100 + 100 * int(re.sub(r"\D", "", worker_id) or 0))
    monkeypatch.setenv("BLOCKFEED_VAR", str(tmp_path))
    assert experiment.main([]) == 0
    study = json.loads((tmp_path / "study.json").read_text())
    found = [(cell["rate"], cell["clients"], cell["block_size"]) for cell in study["cells"]]
    assert found == [(rate, n, size) for rate in (10, 20) for n in (2, 3) for size in (1, 2)]
    assert all(cell["received"] == cell["expected"] > 0 for cell in study["cells"])
    for cost in ("load side at 10 messages/s", "server at 20 messages/s"):
        cores = r"[0-9.]+ cores with 2, [0-9.]+ cores with 3 clients"
        assert re.fullmatch(cores, study["manifest"][cost])
    assert (tmp_path / "report.html").exists()
    said = (tmp_path / "server.out").read_text()
    assert "Client member-00000 received 1 block in " in said
