"""The options of ``swarm``, and one sentence for each wrong one."""

from __future__ import annotations

import argparse
import os

import pytest

from clientapp import cli
from clientapp.lab.swarm.command import _asked
from clientapp.lab.swarm.expectation import RULE
from clientapp.lab.swarm.options import MAX_MEMBERS, PART_RULE, STAGE_RULE, add_swarm_options
from clientapp.lab.swarm.swarm import Swarm
from clientapp.lab.swarm.swarmplan import Part, Stage
from clientapp.options import MAX_PID
from clientapp.wire.names import LABEL_RULE
from clientapp.wire.request import MAX_FEEDS


def options(*arguments: str) -> argparse.Namespace:
    """Return the options parsed from *arguments*."""
    parser = argparse.ArgumentParser()
    add_swarm_options(parser)
    return parser.parse_args(arguments)


def test_parts_and_stages_keep_their_order() -> None:
    """Parts and stages keep the order given, and the default weight is 1."""
    made = options("--mix=users:10", "--mix=users+arrays:100:3", "--stage=5:1.5", "--stage=0:2")
    assert made.parts == [Part(("users",), 10, 1), Part(("users", "arrays"), 100, 3)]
    assert made.stages == [Stage(5, 1.5), Stage(0, 2.0)]


def test_defaults() -> None:
    """By default a hundred members collect users for 30 s; nothing is kept or expected."""
    made = options()
    assert (made.clients, made.seconds, made.parts, made.stages) == (100, 30.0, None, None)
    assert (made.logs, made.results, made.expectations, made.label) == (None, None, [], None)
    assert (made.churn, made.slow, made.slow_bytes, made.seed) == (0.0, 0.0, 1024, 1)


def test_server_may_be_any_process() -> None:
    """Any process of this machine may be the server, regardless of its owner."""
    for pid in (os.getpid(), 1):
        assert options(f"--server-pid={pid}").server_pid == pid


@pytest.mark.parametrize(
    "text",
    [
        "users",
        "users:0",
        "users:10:0",
        "users:10:1001",
        "U:1",
        ":1",
        "users+users:1",
        "users:100001",
        "users:10:1:1",
        "users+:5",
    ],
)
def test_wrong_part_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A part consists of feeds, a block size and a weight."""
    assert refusal(capsys, f"--mix={text}") == f"--mix: {text!r} is not allowed: {PART_RULE}"


@pytest.mark.parametrize("text", ["5", "5:0", "5:-1", "5:nan", ":5", "20001:1", "5:86401", "5:1:1"])
def test_wrong_stage_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A stage consists of a number of members and a number of seconds."""
    assert refusal(capsys, f"--stage={text}") == f"--stage: {text!r} is not allowed: {STAGE_RULE}"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--stage=0:5"], "--stage: no stage has members"),
        (["--stage=0:5", "--stage=0:1"], "--stage: no stage has members"),
        (
            ["--clients=0"],
            f"--clients: '0' is not allowed: a whole number from 1 to {MAX_MEMBERS}",
        ),
        (["--seconds=0"], "--seconds: '0' is not allowed: a number from 0.1 to 86400"),
        (["--churn=1.1"], "--churn: '1.1' is not allowed: a number from 0 to 1"),
        (["--slow=nan"], "--slow: 'nan' is not allowed: a number from 0 to 1"),
        (["--processes=65"], "--processes: '65' is not allowed: a whole number from 1 to 64"),
        (["--expect=reach=1"], f"--expect: 'reach=1' is not allowed: {RULE}"),
        (["--expect=speed>1"], f"--expect: 'speed>1' is not allowed: {RULE}"),
        (["--label=a\tb"], f"--label: 'a\\tb' is not allowed: {LABEL_RULE}"),
        (
            [f"--server-pid={MAX_PID}"],
            f"--server-pid: there is no process {MAX_PID} on this machine",
        ),
        (
            ["--server-pid=0"],
            f"--server-pid: '0' is not allowed: a whole number from 1 to {MAX_PID}",
        ),
        (["--json", "--quiet"], "--quiet: not allowed with argument --json"),
        (
            [f"--mix=feed{number}:1" for number in range(MAX_FEEDS + 1)],
            f"--mix: {MAX_FEEDS + 1} feeds are named; {MAX_FEEDS} are allowed",
        ),
    ],
)
def test_bad_options_are_refused(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong option is reported in one sentence, before anything is started."""
    assert refusal(capsys, *arguments) == sentence


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the sentence with which ``swarm`` refuses its *arguments*."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["swarm", *arguments])
    assert ended.value.code == 2
    return capsys.readouterr().err.removeprefix("python -m clientapp swarm: argument ").rstrip()


def test_password_reaches_members_but_no_file() -> None:
    """The outcome is stored without credentials; the processes receive them."""
    parser = argparse.ArgumentParser()
    add_swarm_options(parser)
    options = parser.parse_args(["--url", "ws://ada:s3cret@host/"])
    assert _asked(options, [], [])["url"] == "ws://host/"
    (orders,) = Swarm([], url=options.url)._orders
    assert orders.url == "ws://ada:s3cret@host/"
