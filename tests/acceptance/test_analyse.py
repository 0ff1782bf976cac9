"""A sweep by ``analyse`` against a real server, and its report in a real browser."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.axe import faults
from tests.support.browser import browser
from tests.support.forks import run
from tests.support.stack import CHECKOUT, Stack, until
from tools.waiting import PATIENCE_SECONDS

RATE = 20
SWEEP = (f"--rate={RATE}", "--block-sizes=1,4", "--clients=2,6", "--repeats=2", "--seconds=2")
PAPER = "getComputedStyle(document.body).backgroundColor"


def analyse(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``analyse`` to its end."""
    return run(
        [sys.executable, "-m", "clientapp", "analyse", *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


def cells(folder: Path) -> list[dict[str, Any]]:
    """Return the cells of the study in *folder*."""
    study = json.loads((folder / "study.json").read_text())
    found: list[dict[str, Any]] = study["cells"]
    return found


@pytest.fixture
def fed(stack: Stack) -> Stack:
    """Start a server and a generator at the rate of the sweep."""
    stack.server()
    stack.generator(f"--rate={RATE}")
    return stack


def test_sweep_and_its_report(fed: Stack, tmp_path: Path) -> None:
    """Every cell is measured without loss; the page needs no other file and fits any width."""
    out = tmp_path / "out"
    done = analyse(f"--url={fed.url}", f"--out={out}", *SWEEP)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "run 4 of 4: " in done.stdout
    measured = cells(out)
    conditions = [(cell["clients"], cell["block_size"], cell["repeats"]) for cell in measured]
    assert conditions == [(2, 1, 2), (2, 4, 2), (6, 1, 2), (6, 4, 2)]
    assert all(cell["received"] == cell["expected"] > 0 for cell in measured)
    again = tmp_path / "again"
    assert analyse(str(out / "sweep"), f"--out={again}").returncode == 0
    assert cells(again) == measured
    stored = fed.rows("SELECT COUNT(*) FROM feeds_blockreport WHERE verdict = 'verified'")
    assert stored[0][0] >= sum(cell["blocks"] for cell in measured)
    with browser(tmp_path / "profile") as page:
        for width in (1440, 390):
            page.open(f"file://{out / 'report.html'}", width=width)
            page.evaluate("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
            page.wait_for("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert "What was found" in page.evaluate("document.body.innerText")
        for dark in (False, True):
            page.open(f"file://{out / 'report.html'}", dark=dark)
            red, _, _ = re.findall(r"\d+", page.evaluate(PAPER))
            assert (int(red) < 64) is dark
            assert faults(page) == []
        asked = {url.partition(":")[0] for url in page.requests}
        assert asked == {"file", "data"}
        assert not page.errors


def test_ctrl_c_ends_a_sweep(fed: Stack) -> None:
    """Ctrl-C also ends the clients, and leaves no traceback."""
    out = fed.folder / "out"
    command = (sys.executable, "-m", "clientapp", "analyse", f"--url={fed.url}", f"--out={out}")
    sweep = fed.program("analyse", *command, *SWEEP)
    until(lambda: any(out.glob("sweep/*/*.log")), lambda: sweep.said)
    assert sweep.stop(signal.SIGINT) == 1
    assert "Traceback" not in sweep.said
    until(
        lambda: fed.rows("SELECT COUNT(*) FROM feeds_connection WHERE closed_at IS NULL") == [(0,)],
        lambda: "clients stayed connected",
    )


def test_sweep_of_an_unknown_feed_is_refused(fed: Stack, tmp_path: Path) -> None:
    """A feed that the server does not have ends the sweep with 3 and a sentence."""
    done = analyse(f"--url={fed.url}", "--feed=nothing", f"--out={tmp_path}", *SWEEP)
    assert done.returncode == 3
    assert done.stderr.startswith("the server refuses this client: ")
    assert done.stderr.count("\n") == 1


def test_sweep_without_a_server_ends(tmp_path: Path) -> None:
    """Without a server the sweep ends at once with a sentence."""
    done = analyse("--url=ws://127.0.0.1:9/", f"--out={tmp_path}", *SWEEP)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "ws://127.0.0.1:9/" in done.stderr
