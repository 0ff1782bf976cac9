"""Client, swarm and generator on a terminal and in a pipe."""

from __future__ import annotations

import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from tests.support.busy_stack import BusyStack
from tests.support.forks import popen
from tests.support.stack import CHECKOUT, PATIENCE_SECONDS, Stack, free_port, until
from tools.terminal_window import TerminalWindow

Open = Callable[..., TerminalWindow]
GENERATE = ("manage.py", "generate", "--feed=users", "--rate=50")
SWARM = ("-m", "clientapp", "swarm", "--clients=3", "--seconds=3600", "--mix=users:5")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7])[;m]")
CURSOR = re.compile(r"\x1b\[[\d?]*[A-Zhl]")


@pytest.fixture
def open_window(stack: Stack) -> Iterator[Open]:
    """Open terminals for Python programs, with more variables in their environment."""
    with ExitStack() as opened:

        def open_window(*command: str, **environment: str) -> TerminalWindow:
            window = TerminalWindow(
                [sys.executable, *command],
                CHECKOUT,
                {**stack.environment, **environment},
                popen=popen,
            )
            opened.callback(window.close)
            return window

        yield open_window


@pytest.fixture
def beside(stack: Stack, busy: BusyStack) -> Stack:
    """Give a test its own installation, whose clients connect to the busy one."""
    stack.url = busy.url
    return stack


def collect(stack: Stack, *options: str) -> tuple[str, ...]:
    """Return the command of a client."""
    log = f"--log={stack.log('grace')}"
    client = ("clientapp/client.py", "--name=grace", "--block-size=5", log)
    return (*client, f"--url={stack.url}", *options)


def wait_for(window: TerminalWindow, pattern: str) -> None:
    """Wait until exactly one line of the screen matches *pattern*."""
    until(
        lambda: len([line for line in window.screen if re.search(pattern, line)]) == 1,
        lambda: f"no single line {pattern!r}:\n" + "\n".join(window.screen),
    )


def end(window: TerminalWindow) -> list[str]:
    """Press Ctrl-C; return the final screen without the key's own echo."""
    window.press_ctrl_c()
    assert window.wait() == 0, window.said
    return [line.removeprefix("^C") for line in window.screen]


def test_generator_shows_a_table(open_window: Open) -> None:
    """A table follows the feeds; a summary with the lateness replaces it."""
    generator = open_window(*GENERATE, "--count=100000")
    wait_for(generator, r"^users +running +50/s +\d+ +\S+ ms +\d\d+ +0$")
    wait_for(generator, r"^feed +state +rate +head +late by +published +not pushed$")
    left = end(generator)
    summary = (
        r"feed users: \d+ messages, last offset \d+, late by p50 -?\d+\.\d ms, p99 -?\d+\.\d ms"
    )
    assert re.fullmatch(summary, left[-1]), left
    assert len(left) == 1


def test_generator_without_a_channel_layer_says_so(open_window: Open) -> None:
    """A problem is printed on its own line above the table, which continues."""
    generator = open_window(*GENERATE, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    wait_for(generator, r"^\d\d:\d\d:\d\d  the channel layer does not accept batches")
    wait_for(generator, r"^users +running .* [1-9]\d*$")
    assert re.search(r", [1-9]\d* batches not pushed$", end(generator)[-1])


def test_generator_shows_a_switched_off_feed(stack: Stack, open_window: Open) -> None:
    """The table shows when a feed is switched off, and when it is on again."""
    generator = open_window(*GENERATE)
    wait_for(generator, r"^users +running ")
    path = stack.folder / "var" / "db.sqlite3"
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as database:
        database.execute("UPDATE feeds_feed SET enabled = 0")
        wait_for(generator, r"^users +switched off ")
        database.execute("UPDATE feeds_feed SET enabled = 1")
        wait_for(generator, r"^users +running ")
    end(generator)


def test_generator_without_a_database_says_so(stack: Stack, open_window: Open) -> None:
    """While another program locks the database, table and log report it; then both continue."""
    generator = open_window(*GENERATE, DJANGO_SETTINGS_MODULE="tests.support.impatient_settings")
    wait_for(generator, r"^users +running ")
    path = stack.folder / "var" / "db.sqlite3"
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        wait_for(generator, r"^users +no database ")
        wait_for(generator, r"the database does not answer \(database is locked\); waiting$")
        holder.execute("ROLLBACK")
    wait_for(generator, r"^users +running ")
    end(generator)


def test_client_shows_a_live_line(stack: Stack, open_window: Open) -> None:
    """A live line is below the events; a summary replaces it."""
    client = open_window(*collect(stack))
    wait_for(client, f"^no server at {stack.url} yet .* trying again in")
    stack.server()
    stack.generator("--rate=50")
    client.wait_for("Block 2 verified")  # it soon scrolls off the screen
    wait_for(client, r"^\d+\.\d messages/s · \d of 5 in the block · latency \S+ s · 0 reconnects$")
    left = end(client)
    assert not any("messages/s" in line or "no server" in line for line in left)
    counts, verdicts, latency, *_ = left[next(i for i, x in enumerate(left) if "reconnects" in x) :]
    assert re.fullmatch(
        r"\d+ blocks, \d+ messages, 0 reconnects, 0 missing offsets, 0 duplicates", counts
    )
    assert re.fullmatch(r"the server found \d+ verified", verdicts)
    assert re.fullmatch(r"latency p50 \S+ s, p99 \S+ s ± \S+ s", latency)


def test_swarm_shows_a_table(busy: BusyStack, open_window: Open) -> None:
    """A table follows the members; a summary replaces it."""
    swarm = open_window(*SWARM, f"--url={busy.url}")
    wait_for(swarm, r"^users:5 +3/3 +[1-9]\S* +[1-9]\S* +100\.00% +\S+ ms +\S+ ms$")
    header, row, counts, *_ = end(swarm)
    columns = r"part +members +messages +reach +gaps +duplicates +blocks +verified +p50 +p99 +p99.9"
    assert re.fullmatch(columns, header)
    assert re.match(r"users:5 +3 +\d+ +1\.000000 +0 +0 +\d+ +100\.00% ", row)
    assert re.fullmatch(
        r"0 reconnects, 0 reports not acknowledged, 0 blocks broken, 0 unverifiable, \d+\.\d s",
        counts,
    )


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_no_color_is_respected(
    beside: Stack, open_window: Open, no_color: str, *, coloured: bool
) -> None:
    """NO_COLOR removes the colours of client, generator and refusals."""
    generator = open_window(*GENERATE, NO_COLOR=no_color)
    wait_for(generator, "^users +running ")
    client = open_window(*collect(beside), NO_COLOR=no_color)
    client.wait_for("Block 1 verified")
    refused = open_window("manage.py", "generate", "--feed=none", NO_COLOR=no_color)
    assert refused.wait() == 1
    assert "there is no feed 'none'" in refused.said
    for window in (generator, client, refused):
        assert bool(COLOUR.search(window.said)) is coloured, window.said


def test_quiet_prints_nothing(beside: Stack, open_window: Open) -> None:
    """With --quiet the programs print nothing, even on a terminal."""
    generator = open_window(*GENERATE, "--quiet")
    client = open_window(*collect(beside, "--quiet", "--blocks=2"))
    swarm = open_window(*SWARM[:4], "--seconds=1", f"--url={beside.url}", "--quiet")
    assert (client.wait(), swarm.wait()) == (0, 0)
    promised = "SELECT promised FROM feeds_feed WHERE name = 'users'"
    until(lambda: beside.rows(promised) > [(0,)], lambda: f"no feed runs: {generator.said}")
    generator.press_ctrl_c()
    assert generator.wait() == 0
    said = [window.said.replace("^C", "") for window in (generator, client, swarm)]
    assert said == ["", "", ""]


def test_pipe_gets_plain_lines(beside: Stack) -> None:
    """In a pipe the programs print plain lines, even if colour is forced."""
    beside.environment["FORCE_COLOR"] = "1"
    generator = beside.generator("--rate=50")
    client = beside.client("grace", "--block-size=5", "--blocks=2")
    url = f"--url={beside.url}"
    swarm = beside.program("swarm", sys.executable, *SWARM[:4], "--seconds=1", url)
    assert (client.process.wait(PATIENCE_SECONDS), swarm.process.wait(PATIENCE_SECONDS)) == (0, 0)
    assert generator.stop() == 0
    for program in (generator, client, swarm):
        assert CURSOR.search(program.said) is None, program.said
    assert "feed users: running at offset " in generator.said
    assert "Block 2 received successfully" in client.said
    assert "0 reconnects" in swarm.said
