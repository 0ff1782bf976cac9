"""The process that regenerates old messages: its answers, and its end."""

import asyncio
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from feeds.core.schedule import Recipe, Schedule, Segment
from feeds.making.maker import NICENESS, PROGRAM, Maker
from feeds.making.regeneration import UnavailableError, frames_between, lines_between, source_of
from feeds.running import child as module
from feeds.running.child import ChildEndedError
from feeds.running.outages import Outages
from feeds.running.stops import STOPS
from tools.waiting import PATIENCE_SECONDS

CHECKOUT = Path(__file__).parents[2]
RECIPE = Recipe(kind="arrays", spec="{}", seed=1)


def schedule(epoch: str) -> Schedule:
    """Return a schedule of one segment."""
    return Schedule([Segment(recipe=RECIPE, epoch=epoch, first=1, started_us=0, rate_milli=1000)])


@pytest.fixture
async def maker() -> AsyncIterator[Maker]:
    """Return a maker, and end it."""
    maker = Maker()
    yield maker
    await maker.stop()


async def test_child_makes_the_same_messages(maker: Maker) -> None:
    """The other process makes the same messages as this one."""
    mine = schedule(source_of(RECIPE).epoch)
    for call in (lines_between, frames_between):
        expected = call("arrays", mine, 3, 700)
        assert await maker.run(call, "arrays", mine, 3, 700) == expected
    assert await maker.run(os.getpid) != os.getpid()


async def test_terminal_does_not_reach_the_child(maker: Maker) -> None:
    """Ctrl-C goes to a process group; the child has its own group from the start."""
    assert os.getpgid(maker.start().pid) != os.getpgid(0)


async def test_child_has_low_priority(maker: Maker) -> None:
    """If cores are scarce, live clients have priority."""
    assert await maker.run(os.nice, 0) == min(os.nice(0) + NICENESS, 19)


async def test_each_caller_gets_its_answer(maker: Maker) -> None:
    """Concurrent callers each get their own answer."""
    mine = schedule(source_of(RECIPE).epoch)
    asked = [maker.run(lines_between, "arrays", mine, one, one) for one in range(1, 20)]
    made = await asyncio.gather(*asked)
    assert made == [lines_between("arrays", mine, one, one) for one in range(1, 20)]


async def test_errors_are_raised_at_the_caller(maker: Maker) -> None:
    """An exception in the child is raised here with its data; the child continues."""
    with pytest.raises(UnavailableError, match="different messages up to offset 5") as raised:
        await maker.run(lines_between, "arrays", schedule("f" * 12), 1, 5)
    assert raised.value.last == 5
    with pytest.raises(LookupError):
        await maker.run(lines_between, "arrays", Schedule(), 1, 5)
    assert await maker.run(len, "four") == 4


async def test_killed_child_is_replaced(maker: Maker) -> None:
    """A caller that waits for a killed child gets an error; the next call starts a new child."""
    os.kill(await maker.run(os.getpid), signal.SIGKILL)
    with pytest.raises(ChildEndedError):
        await maker.run(len, "four")
    assert await maker.run(len, "four") == 4


async def test_child_that_cannot_start_is_started_later(maker: Maker) -> None:
    """A call without a free descriptor fails as if the child had ended; the next call starts it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(ChildEndedError):
            await maker.run(len, "four")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert await maker.run(len, "four") == 4


async def test_hanging_child_is_an_outage(
    maker: Maker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A child that is stopped is shown as an outage until it answers."""
    outages = Outages()
    monkeypatch.setattr(module, "OUTAGES", outages)
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.01)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    process = await maker.run(os.getpid)
    os.kill(process, signal.SIGSTOP)
    answer = asyncio.ensure_future(maker.run(os.getpid))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not outages.sentences(detailed=False):
            await asyncio.sleep(0.01)
    (sentence,) = outages.sentences(detailed=False)
    assert sentence.startswith("The maker, a process of this server, does not answer; old messages")
    os.kill(process, signal.SIGCONT)
    assert await answer == process
    assert outages.sentences(detailed=False) == []
    assert "the maker answers again" in caplog.text


async def test_child_that_does_not_answer_is_replaced(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that does not answer at all is killed; the next one gets twice the time."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    process = await maker.run(os.getpid)
    os.kill(process, signal.SIGSTOP)
    monkeypatch.setattr(maker, "_patience", 0.01)
    with pytest.raises(ChildEndedError):
        await maker.run(os.getpid)
    while True:
        try:
            assert await maker.run(os.getpid) != process
        except ChildEndedError:  # a slow machine: the next one gets twice the time again
            continue
        break
    assert maker._patience == module.KILL_SECONDS


async def test_child_survives_ctrl_c_but_not_its_owner(maker: Maker) -> None:
    """A signal for the terminal's process group does not end the child; its owner's end does."""
    process = await maker.run(os.getpid)
    for number in STOPS:
        os.kill(process, number)
    assert await maker.run(os.getpid) == process
    program = (
        "import asyncio, os\n"
        "from feeds.making.maker import Maker\n"
        "print(asyncio.run(Maker().run(os.getpid)), flush=True)\n"
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
def test_child_of_a_killed_owner_ends_silently(moment: str) -> None:
    """The owner may be killed at any moment; the child prints no traceback."""
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
    """Tell whether a process runs, regardless of its owner."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_child_needs_no_django() -> None:
    """The child starts quickly, because it loads neither Django nor Channels."""
    program = (
        "import sys, feeds.running.child, feeds.making.regeneration\n"
        "print([name for name in ('django', 'channels', 'twisted') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
