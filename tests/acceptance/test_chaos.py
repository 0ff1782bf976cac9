"""The judge of chaos runs notices every kind of damage, and a short run is good."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support import forks
from tests.support.stack import CHECKOUT


def run(*options: str) -> subprocess.CompletedProcess[str]:
    """Run ``tools.chaos``."""
    command = [sys.executable, "-m", "tools.chaos", *options]
    return forks.run(command, cwd=CHECKOUT, capture_output=True, text=True)


def test_selftest_notices_all_damage() -> None:
    """Every damaged copy is noticed, and the good one passes."""
    done = run("--selftest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("unchanged: good\n")
    assert done.stdout.count(": noticed\n") == 19


def test_report_of_a_chaos_run(tmp_path: Path) -> None:
    """The report lists the events, how long each lasted, and the findings."""
    done = run("--minutes=0.05", "--clients=3", f"--out={tmp_path}")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["good"]
    assert len(report["events"]) >= 1
    assert [finding["fault"] for finding in report["findings"]] == ["", "", ""]
    assert all(finding["messages"] for finding in report["findings"])
    assert "reach 1.000000" in (tmp_path / "report.md").read_text(encoding="utf-8")
