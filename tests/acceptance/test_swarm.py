"""A swarm on a real installation."""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.judge import judge
from tests.support.stack import PATIENCE_SECONDS, Program, Stack, until

MIX = ("--mix=users:5:2", "--mix=users+arrays:10")
LONG = "--seconds=600"
"""The duration of swarms that are ended before it is over."""


@pytest.fixture
def served(stack: Stack) -> Stack:
    """Return an installation whose feeds are served."""
    stack.server()
    stack.generator("--rate=50")
    return stack


def swarm(stack: Stack, *options: str, flags: Sequence[str] = ()) -> Program:
    """Start a swarm; with *flags* of the interpreter, it and its processes are not forked."""
    module = ("-m", "clientapp", "swarm")
    return stack.program("swarm", sys.executable, *flags, *module, f"--url={stack.url}", *options)


def ended(program: Program) -> int:
    """Wait for the end of a program; return its exit code."""
    return program.process.wait(PATIENCE_SECONDS)


def stored(stack: Stack) -> int:
    """Return how many reports the server stored."""
    return int(stack.rows("SELECT count(*) FROM feeds_blockreport")[0][0])


def children(program: Program) -> list[int]:
    """Return the process ids of a swarm that was not forked."""
    task = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children")
    return [int(text) for text in task.read_text().split()]


def is_pending(program: Program) -> bool:
    """Tell whether a signal waits for a program to be scheduled."""
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    return any(
        int(line.split()[1], 16)
        for line in status.splitlines()
        if line.startswith(("SigPnd", "ShdPnd"))
    )


def test_logs_and_results_agree(served: Stack) -> None:
    """Logs are whole, and outcome, table and database agree."""
    logs, results = served.folder / "logs", served.folder / "results"
    program = swarm(
        served,
        *(*MIX, "--clients=6", "--seconds=5", "--processes=2", "--json", "--label=trial"),
        *(f"--logs={logs}", f"--results={results}", "--churn=0.5"),
        *("--expect=reach==1", "--expect=verified==100%", "--expect=unacknowledged==0"),
    )
    assert ended(program) == 0, program.said
    outcome = json.loads(program.said)
    assert outcome == json.loads((results / "outcome.json").read_text())
    assert {name: part["members"] for name, part in outcome["parts"].items()} == {
        "users:5": 4,
        "users+arrays:10": 2,
    }
    assert outcome["failures"] == []
    assert outcome["measured"]["connected"] == 1
    assert not list(results.glob("blocks.csv.*"))
    with (results / "blocks.csv").open() as table:
        found = list(csv.DictReader(table))
    rows = sorted((row["client"], int(row["block"])) for row in found)
    assert {int(row["clients"]) for row in found} <= {1, 2, 3}
    query = (
        "SELECT s.client, r.number FROM feeds_blockreport r "
        "JOIN feeds_clientsession s ON s.id = r.session_id WHERE r.label = 'trial'"
    )
    assert rows == sorted(served.rows(query))
    assert len(rows) == outcome["measured"]["blocks"] == stored(served) > 0
    sessions = [judge(log) for log in sorted(logs.iterdir())]
    assert [session.asked["client"] for session in sessions] == [
        f"member-{number:05}" for number in range(6)
    ]
    assert sum(len(session.blocks) for session in sessions) == len(rows)


def test_equal_parts_are_added_and_no_process_is_idle(served: Stack) -> None:
    """Equal parts are combined, and every process has a member."""
    program = swarm(
        served,
        *("--mix=users:5", "--mix=users:5", "--clients=2", "--seconds=1"),
        *("--processes=8", "--json"),
    )
    assert ended(program) == 0, program.said
    outcome = json.loads(program.said)
    assert outcome["parts"]["users:5"]["members"] == 2
    assert len(outcome["load"]) == outcome["asked"]["processes"] == 2


def test_failed_expectation_ends_with_4(served: Stack) -> None:
    """The swarm ends with 4 and a sentence for each failed expectation."""
    program = swarm(
        served,
        *("--clients=2", "--seconds=1", "--quiet"),
        *("--expect=broken>0", "--expect=reach==1", "--expect=connected<50%"),
    )
    assert ended(program) == 4
    assert program.said.splitlines() == [
        "broken>0 was expected, but broken is 0",
        "connected<50% was expected, but connected is 100%",
    ]


def test_ctrl_c_ends_a_swarm(served: Stack) -> None:
    """All members leave, their results are shown, and that is not a failure."""
    program = swarm(served, "--clients=3", LONG, "--mix=users:5")
    until(lambda: stored(served) >= 3, lambda: program.said)
    assert program.stop() == 0
    assert "users:5" in program.said
    assert "0 reconnects, 0 reports not acknowledged" in program.said
    assert "Traceback" not in program.said
    query = "SELECT DISTINCT status FROM feeds_clientsession"
    until(lambda: served.rows(query) == [("left",)], lambda: program.said)


def test_second_ctrl_c_does_not_wait(served: Stack) -> None:
    """After a second Ctrl-C the swarm does not wait for its members."""
    program = swarm(served, "--clients=3", LONG, "--mix=users:5", flags=["-s"])
    until(lambda: stored(served) >= 3, lambda: program.said)
    (child,) = children(program)
    os.kill(child, signal.SIGSTOP)
    program.process.send_signal(signal.SIGINT)
    # Two pending signals of the same kind are one.
    until(lambda: not is_pending(program), lambda: program.said)
    assert program.stop() == 0
    assert "Traceback" not in program.said


def test_killed_server_costs_no_message(stack: Stack) -> None:
    """A server that dies and returns costs connections, but no message."""
    server = stack.server()
    stack.generator("--rate=50")
    program = swarm(stack, "--clients=3", LONG, "--mix=users:5", "--json", "--expect=reach==1")
    until(lambda: stored(stack) >= 3, lambda: program.said)
    server.stop(signal.SIGKILL)
    stack.server()
    query = "SELECT count(*) FROM feeds_clientsession WHERE connects = 2"
    until(lambda: stack.rows(query) == [(3,)], lambda: program.said)
    before = stored(stack)
    until(lambda: stored(stack) >= before + 6, lambda: program.said)
    assert program.stop() == 0, program.said
    measured = json.loads(program.said)["measured"]
    assert (measured["reach"], measured["reconnects"]) == (1, 3)


def test_killed_process_ends_the_swarm(served: Stack) -> None:
    """If one of its processes is killed, a swarm ends with a sentence."""
    options = ("--clients=2", LONG, "--mix=users:5", "--processes=2", "--quiet")
    program = swarm(served, *options, flags=["-s"])
    until(lambda: stored(served) >= 2, lambda: program.said)
    first, second = children(program)
    os.kill(first, signal.SIGKILL)
    assert ended(program) == 1
    assert program.said == "a process of the swarm was killed by signal 9\n"
    assert not Path(f"/proc/{second}").exists()


def test_processes_of_a_killed_swarm_leave(served: Stack) -> None:
    """If the swarm itself is killed, its processes leave and say bye."""
    program = swarm(served, "--clients=2", LONG, "--mix=users:5", "--quiet")
    until(lambda: stored(served) >= 2, lambda: program.said)
    program.stop(signal.SIGKILL)
    query = "SELECT DISTINCT close_code FROM feeds_connection"
    until(lambda: served.rows(query) == [(1000,)], lambda: program.said)
    assert program.said == ""


def test_swarm_without_a_server_ends(stack: Stack) -> None:
    """Without a server the swarm ends with 1 and a sentence."""
    program = swarm(stack)
    assert ended(program) == 1
    assert program.said.startswith(f"no server at {stack.url} (")


def test_swarm_of_an_unknown_feed_is_refused(served: Stack) -> None:
    """A feed that the server does not have ends the swarm with 3 and a sentence."""
    program = swarm(served, "--mix=nothing:5")
    assert ended(program) == 3
    assert program.said.startswith("the server refuses this client: ")
    assert program.said.count("\n") == 1


def test_unwritable_results_are_reported_first(served: Stack) -> None:
    """Results that cannot be written are reported before any member starts."""
    (served.folder / "blocks.csv").mkdir()
    program = swarm(served, f"--results={served.folder}")
    assert ended(program) == 1
    table = served.folder / "blocks.csv"
    assert program.said == f"the table {table} cannot be written: Is a directory\n"
    file = served.log("file")
    file.touch()
    program = swarm(served, f"--results={file}")
    assert ended(program) == 1
    assert program.said == f"the folder {file} cannot be created: File exists\n"
