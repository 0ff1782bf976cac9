"""The options of ``analyse``, and one sentence for each wrong combination."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from clientapp import cli
from clientapp.lab.study.options import MAX_CLIENTS, SWEEP, add_analyse_options, fill_in
from clientapp.options import MAX_PID


def options(*arguments: str) -> argparse.Namespace:
    """Return the options parsed from *arguments*, with defaults."""
    parser = argparse.ArgumentParser()
    add_analyse_options(parser)
    settled = parser.parse_args(arguments)
    fill_in(settled)
    return settled


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the sentence with which ``analyse`` refuses its *arguments*."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["analyse", *arguments])
    assert ended.value.code == 2
    return capsys.readouterr().err.removeprefix("python -m clientapp analyse: argument ").rstrip()


def test_sweep_needs_only_the_rate() -> None:
    """Only the rate of the feed has to be given."""
    settled = options("--rate=10")
    assert {name: getattr(settled, name) for name in SWEEP} == SWEEP


def test_lists_are_sorted_without_duplicates() -> None:
    """Numbers are separated by commas, in any order."""
    settled = options("--rate=10", "--clients=9, 5,9", "--block-sizes=4,2")
    assert (settled.clients, settled.block_sizes) == ((5, 9), (2, 4))


def test_logs_need_no_other_option() -> None:
    """Logs contain their own rates, and the report is written to study."""
    settled = options("a.log", "b.log")
    assert settled.paths == [Path("a.log"), Path("b.log")]
    assert (settled.rate, settled.out) == (None, Path("study"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--rate=0"], "--rate: '0' is not allowed: a number from 0.001 to 1000000"),
        (["--rate=nan"], "--rate: 'nan' is not allowed: a number from 0.001 to 1000000"),
        (["--rate=fast"], "--rate: 'fast' is not allowed: a number from 0.001 to 1000000"),
        ([], ("--rate: a sweep needs the rate of the running feed; to read logs instead, "
              "give their paths")),
        (["a.log", "--rate=1"], "--rate: only for a new sweep, not allowed with paths"),
        (["a.log", "--clients=3"], "--clients: only for a new sweep, not allowed with paths"),
        (["a.log", "--server-pid=1"], "--server-pid: only for a new sweep, not allowed with paths"),
        (["--rate=1", "--clients=2"], "--clients: 2 clients are too few for 3 block sizes"),
        (["--rate=1", f"--clients={MAX_CLIENTS + 1}"],
         f"--clients: '{MAX_CLIENTS + 1}' is not allowed: a whole number from 1 to 1000"),
        (["--rate=1", "--clients=1,"],
         "--clients: '' is not allowed: a whole number from 1 to 1000"),
        (["--rate=1", "--block-sizes=0"],
         "--block-sizes: '0' is not allowed: a whole number from 1 to 100000"),
        (["--rate=1", "--repeats=101"],
         "--repeats: '101' is not allowed: a whole number from 1 to 100"),
        (["--rate=1", "--seconds=3601"],
         "--seconds: '3601' is not allowed: a number from 1 to 3600"),
        (["--rate=1", "--seed=-1"],
         "--seed: '-1' is not allowed: a whole number from 0 to 2147483648"),
        (["--rate=1", f"--server-pid={MAX_PID}"],
         f"--server-pid: there is no process {MAX_PID} on this machine"),
        (["--rate=1", "--feed=No!"], ("--feed: 'No!' is not allowed: 1 to 40 lower-case letters, "
                                     "digits, - and _, the first a letter")),
    ],
)  # fmt: skip
def test_bad_options_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    """A wrong option is named with its rule, and the exit code is 2."""
    assert refusal(capsys, *arguments) == sentence
