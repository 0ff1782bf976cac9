"""``python -m clientapp analyse``: its files, its output and its requirements."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from clientapp import cli
from clientapp.lab.analysis.study import study
from clientapp.lab.study.plots import _coloured, plots
from tests.support.block_logs import ALICE, BOB, arrays, gap, judged, seal, session_log, users
from tests.support.trials import trial

CHECKOUT = Path(__file__).parents[2]
BOTH = [*users(1, 5), *arrays(1, 5), *users(6, 10), *arrays(6, 10)]
EXTRA = ("jinja2", "matplotlib", "numpy", "scipy")


class Addresses(HTMLParser):
    """The URLs that a page loads or links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the URLs in the attributes."""
        self.found += [value or "" for name, value in attrs if name in {"src", "href", "srcset"}]


@pytest.fixture
def logs(tmp_path: Path) -> list[str]:
    """Return the paths of two logs, written side by side by clients that knew the clock."""
    texts = {
        "alice": session_log(ALICE, [*users(1, 10), gap(11, 12), *users(13, 26)]),
        "bob": session_log(BOB, users(1, 24)),
    }
    known = b',"clock":{"offset":0.0,"error":0.001},"positions":'
    for name, text in texts.items():
        timed = seal(text.replace(b',"positions":', known))
        (tmp_path / f"{name}.log").write_bytes(judged(timed))
    return [str(tmp_path / f"{name}.log") for name in texts]


def test_report_is_written(
    logs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page contains everything, and its figures are in files for programs."""
    out = tmp_path / "out"
    assert cli.main(["analyse", *logs, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.endswith(f"The report is {out / 'report.html'}.\n")
    assert "48 of 50 expected messages arrived (96.0000%)" in said
    study = json.loads((out / "study.json").read_text())
    assert [cell["block_size"] for cell in study["cells"]] == [3, 4]
    assert study["cells"][1]["expected"] - study["cells"][1]["received"] == 2
    assert study["manifest"]["Python"] in sys.version
    with (out / "cells.csv").open(newline="") as file:
        assert [row["blocks"] for row in csv.DictReader(file)] == ["8", "6"]
    with (out / "blocks.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 14
    pictures = {path.name for path in out.glob("*.png")}
    assert {"block-time.png", "overhead.png", "latency.png", "total.png"} <= pictures
    assert (out / "total.png").read_bytes().startswith(b"\x89PNG")


def test_page_loads_nothing(logs: list[str], tmp_path: Path) -> None:
    """Every picture is embedded in the page, and nothing links out of it."""
    assert cli.main(["analyse", *logs, "--out", str(tmp_path)]) == 0
    addresses = Addresses()
    page = (tmp_path / "report.html").read_text()
    addresses.feed(page)
    assert len(addresses.found) >= 4
    assert all(found.startswith("data:image/png;base64,") for found in addresses.found)
    assert not re.search(r"url\(|@import|<script", page)


def test_page_explains_a_missing_fit(logs: list[str], tmp_path: Path) -> None:
    """With a single number of clients there is no model, and the page says so."""
    assert cli.main(["analyse", *logs, "--out", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "No fit: clients is the same at every point" in page
    assert "R²" not in page


def test_feeds_are_separate_rows(tmp_path: Path) -> None:
    """Clients of one feed, of another, and of both are three rows."""
    carol = replace(ALICE, client="carol", block_size=5)
    texts = {
        "alice": session_log(replace(carol, client="alice", feeds=("users",)), users(1, 20)),
        "bob": session_log(replace(carol, client="bob", feeds=("arrays",)), arrays(1, 20)),
        "carol": session_log(carol, BOTH),
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.log").write_bytes(judged(text))
    paths = [str(tmp_path / f"{name}.log") for name in texts]
    assert cli.main(["analyse", *paths, "--out", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text()
    assert page.count('<th scope="col">feeds and rate</th>') == 2
    for feeds in ("users 1/s", "arrays 1/s", "arrays 1/s + users 1/s"):
        assert f"<tr><td>{feeds}</td><td>3</td><td>5</td>" in page


def test_plots_name_the_feeds_and_rates() -> None:
    """The same figures for other feeds give a different picture."""

    def pictures(*feeds: str) -> dict[str, bytes]:
        sizes = [(size, name) for name in feeds for size in (1, 5)]
        trials = [trial(block_size=size, latency=0.01, feeds=name) for size, name in sizes]
        return {plot.name: plot.png for plot in plots(study(trials))}

    two, others = pictures("users 1/s", "arrays 1/s"), pictures("lists", r"$\frac{$")
    names = {"block-time", "overhead", "latency", "total"}
    assert names <= {name for name, png in two.items() if others[name] != png}


@pytest.mark.parametrize("count", [1, 7, 8, 30, 60])
def test_lines_have_different_colours(count: int) -> None:
    """Each line has its own colour, however many there are."""
    cells = study([trial(clients=number + 1) for number in range(count)]).cells
    colours = [colour for colour, _ in _coloured(cells, lambda at: (at.feeds, at.clients))]
    assert len(set(colours)) == len(colours) == count


def test_report_starts_with_its_rule(
    logs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Terminal and page start with the rule, what is left out, and the bottleneck."""
    assert cli.main(["analyse", *logs, "--out", str(tmp_path)]) == 0
    rule, basis, load, *_ = capsys.readouterr().out.splitlines()
    assert rule.startswith("Block time = ideal + overhead.")
    assert "Times and latencies rest on verified blocks." in basis
    assert load.startswith("It is unknown whether")
    page = unescape((tmp_path / "report.html").read_text())
    assert page.index(rule) < page.index(load) < page.index("What was found")


def test_failure_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing log, and an output folder that is a file, are reported in one sentence each."""
    none = tmp_path / "none.log"
    assert cli.main(["analyse", str(none)]) == 1
    assert capsys.readouterr().err == (
        f"the log {none} cannot be read: No such file or directory\n"
    )
    good = tmp_path / "good.log"
    good.write_bytes(judged(session_log(BOB, users(1, 9))))
    assert cli.main(["analyse", str(good), "--out", str(good)]) == 1
    assert capsys.readouterr().err == f"the report cannot be written to {good}: File exists\n"


def without_extra(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the client without the packages of the analysis."""
    program = (
        "import sys; sys.modules.update(dict.fromkeys("
        f"{EXTRA!r})); from clientapp.cli import main; sys.exit(main({list(arguments)!r}))"
    )
    return subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )


def test_only_analyse_needs_the_packages(logs: list[str]) -> None:
    """Without the packages verifying and collecting work; analyse says what to install."""
    assert without_extra("verify", *logs).returncode == 0
    closed = "ws://127.0.0.1:9/"
    collect = without_extra("collect", "--no-wait", f"--url={closed}", f"--log={logs[0]}.new")
    assert "127.0.0.1:9" in collect.stderr
    assert "Traceback" not in collect.stderr
    analyse = without_extra("analyse", *logs)
    assert analyse.returncode == 1
    assert re.fullmatch(
        r"analyse needs \w+; do this first: pip install -r clientapp/requirements-analysis\.txt\n",
        analyse.stderr,
    )
