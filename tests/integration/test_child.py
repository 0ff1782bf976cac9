"""The process that makes old messages again: what it answers, and how it ends."""

import asyncio
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from feeds.core.schedule import Recipe, Schedule, Segment
from feeds.making.regeneration import UnavailableError, frames_between, lines_between, source_of
from feeds.running.child import NICENESS, PROGRAM, Child, ChildEndedError
from feeds.running.stops import STOPS
from tools.waiting import PATIENCE_SECONDS

CHECKOUT = Path(__file__).parents[2]
RECIPE = Recipe(kind="arrays", spec="{}", seed=1)


def schedule(epoch: str) -> Schedule:
    """Return a schedule of one segment."""
    return Schedule([Segment(recipe=RECIPE, epoch=epoch, first=1, started_us=0, rate_milli=1000)])


@pytest.fixture
async def maker() -> AsyncIterator[Child]:
    """Return a maker, and end it."""
    maker = Child()
    yield maker
    await maker.stop()


async def test_it_makes_the_same_elsewhere(maker: Child) -> None:
    """What the other process makes is what this one would."""
    mine = schedule(source_of(RECIPE).epoch)
    for call in (lines_between, frames_between):
        expected = call("arrays", mine, 3, 700)
        assert await maker.run(call, "arrays", mine, 3, 700) == expected
    assert await maker.run(os.getpid) != os.getpid()


async def test_a_terminal_does_not_reach_it(maker: Child) -> None:
    """Ctrl-C goes to a group of processes; this one has its own from its first instant on."""
    assert os.getpgid(maker.start().pid) != os.getpgid(0)


async def test_it_gives_way(maker: Child) -> None:
    """Where cores are short, those who are live have them first."""
    assert await maker.run(os.nice, 0) == min(os.nice(0) + NICENESS, 19)


async def test_calls_take_turns(maker: Child) -> None:
    """Many may ask at once; each gets its own answer."""
    mine = schedule(source_of(RECIPE).epoch)
    asked = [maker.run(lines_between, "arrays", mine, one, one) for one in range(1, 20)]
    made = await asyncio.gather(*asked)
    assert made == [lines_between("arrays", mine, one, one) for one in range(1, 20)]


async def test_errors_come_back(maker: Child) -> None:
    """What a call raises there is raised here, whole; the process goes on."""
    with pytest.raises(UnavailableError, match="other messages up to offset 5") as raised:
        await maker.run(lines_between, "arrays", schedule("f" * 12), 1, 5)
    assert raised.value.last == 5
    with pytest.raises(LookupError):
        await maker.run(lines_between, "arrays", Schedule(), 1, 5)
    assert await maker.run(len, "four") == 4


async def test_another_follows_one_that_was_killed(maker: Child) -> None:
    """Who waits for a process that ends is told; the next call has a new one."""
    os.kill(await maker.run(os.getpid), signal.SIGKILL)
    with pytest.raises(ChildEndedError):
        await maker.run(len, "four")
    assert await maker.run(len, "four") == 4


async def test_it_outlives_ctrl_c_but_not_its_owner(maker: Child) -> None:
    """A signal for the terminal's whole group ends nothing; the owner's end does."""
    process = await maker.run(os.getpid)
    for number in STOPS:
        os.kill(process, number)
    assert await maker.run(os.getpid) == process
    program = (
        "import asyncio, os\n"
        "from feeds.running.child import Child\n"
        "print(asyncio.run(Child().run(os.getpid)), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=CHECKOUT, stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    orphan = int(await owner.stdout.readline())
    assert await owner.wait() == -signal.SIGKILL
    async with asyncio.timeout(PATIENCE_SECONDS):
        while is_alive(orphan):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("moment", ["in a call", "before the answer", "in the answer"])
def test_it_ends_without_a_word(moment: str) -> None:
    """An owner can be killed at any moment; what is left prints no traceback on its terminal."""
    call = pickle.dumps((bytes, (1_000_000,) if moment == "in the answer" else (1,)))
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        if moment == "before the answer":
            process.stdout.close()
        process.stdin.write(call[:-1] if moment == "in a call" else call)
        process.stdin.flush()
        if moment == "in the answer":
            assert process.stdout.read(1)
            process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def is_alive(process: int) -> bool:
    """Tell whether a process, of whomever, runs."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_it_needs_no_django() -> None:
    """The process starts quickly, because it loads neither Django nor Channels."""
    program = (
        "import sys, feeds.running.child, feeds.making.regeneration\n"
        "print([name for name in ('django', 'channels', 'twisted') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
