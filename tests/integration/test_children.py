"""`tools.children` reports and ends the processes it started, whatever they do."""

import asyncio
import io
import os
import signal
from pathlib import Path

import pytest

from tools import children as module
from tools.children import Children
from tools.waiting import PATIENCE_SECONDS

OBEDIENT = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye')))"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
WAITING = "print('ready'); signal.pause()"


async def start(children: Children, name: str, program: str) -> None:
    """Start *program* as source text."""
    await children.start(name, "-c", program)


async def shown(capsys: pytest.CaptureFixture[str], *lines: str) -> str:
    """Return everything printed, as soon as it contains *lines*."""
    printed = ""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not all(line in printed for line in lines):
            await asyncio.sleep(0.01)
            printed += capsys.readouterr().out
    return printed


async def test_children_stop_in_reverse_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The child started last ends first, and a clean end is not a failure."""
    children = Children(tmp_path)
    for name in ("server", "alice"):
        await start(children, name, f"{OBEDIENT}; {WAITING}")
    await shown(capsys, "server    | ready", "alice     | ready")
    children.interrupt()
    await children.stop()
    assert capsys.readouterr().out.split("\n") == ["alice     | bye", "server    | bye", ""]
    assert children.failures == []


async def test_child_stopped_early_is_not_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A child without a signal handler so far is killed by the signal; it has not failed."""
    children = Children(tmp_path)
    await start(children, "alice", f"import signal; {WAITING}")
    await shown(capsys, "alice     | ready")
    children.interrupt()
    await children.stop()
    assert children.failures == []


async def test_child_that_ends_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report gives its exit code and the command to restart it; the others continue."""
    children = Children(tmp_path)
    await start(children, "server", f"{OBEDIENT}; {WAITING}")
    await shown(capsys, "server    | ready")
    await children.start("alice", "-c", "raise SystemExit(3)", good_codes=(3,), again="./alice")
    await children.start("bob", "-c", "raise SystemExit(1)")
    said = await shown(capsys, "alice ended", "bob ended")
    assert set(said.splitlines()) == {
        "alice ended with exit code 3; the others keep running. Start it again with:",
        "./alice",
        "bob ended with exit code 1; the others keep running.",
    }
    assert not children.over.is_set()
    children.interrupt()
    await children.stop()
    assert children.failures == ["bob ended with exit code 1"]


async def test_clean_end_is_unexpected(tmp_path: Path) -> None:
    """A child that ends by itself has failed, even with code 0; the end of the last ends all."""
    children = Children(tmp_path)
    await start(children, "alice", "pass")
    async with asyncio.timeout(PATIENCE_SECONDS):
        await children.over.wait()
    await children.stop()
    assert children.failures == ["alice ended with exit code 0"]


async def test_failed_start_of_a_required_child_ends_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If a required child never comes up, there is no reason to keep the others running."""
    children = Children(tmp_path)
    await start(children, "generator", f"{OBEDIENT}; {WAITING}")
    server = await children.start(
        "server", "-c", "raise SystemExit('port taken')", ready="serving", must_start=True
    )
    await children.up(server, 30)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await children.over.wait()
    await children.stop()
    assert children.failures == ["server ended with exit code 1"]
    assert "keep running" not in capsys.readouterr().out


async def test_child_is_up_when_it_says_so(tmp_path: Path) -> None:
    """Waiting for a child ends when it is up, when it has ended, or after a time."""
    children = Children(tmp_path)
    said = await children.start("alice", "-c", f"import signal; {WAITING}", ready="ready")
    silent = await children.start("bob", "-c", "import signal; signal.pause()", ready="ready")
    await children.up(said, 30)
    assert said.was_up
    await children.up(silent, 0.01)
    assert not silent.was_up
    silent.kill()
    await children.up(silent, 30)
    assert not silent.was_up
    children.interrupt()
    await children.stop()


async def test_stubborn_child_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that does not stop is killed and reported."""
    monkeypatch.setattr(module, "STOP_SECONDS", 0.05)
    children = Children(tmp_path)
    await start(children, "alice", f"{STUBBORN}; {WAITING}")
    await shown(capsys, "ready")
    children.interrupt()
    await children.stop()
    assert children.failures == ["alice ended with exit code -9"]


async def test_later_interrupt_kills(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second Ctrl-C kills at once."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
    children = Children(tmp_path)
    await start(children, "alice", f"{STUBBORN}; {WAITING}")
    await shown(capsys, "ready")
    children.interrupt()
    children.interrupt()
    await children.stop()
    assert children.failures == ["alice ended with exit code -9"]


async def test_interrupt_delivered_twice_counts_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A single Ctrl-C that arrives twice kills no child."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 3600.0)
    children = Children(tmp_path)
    await start(children, "alice", f"{OBEDIENT}; {WAITING}")
    await shown(capsys, "ready")
    children.interrupt()
    children.interrupt()
    await children.stop()
    assert children.failures == []


async def test_suspended_child_is_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A child that was suspended still says goodbye."""
    children = Children(tmp_path)
    program = f"{OBEDIENT}; import os; print(os.getpid()); {WAITING}"
    await start(children, "alice", program)
    said = await shown(capsys, "alice     | ready")
    os.kill(int(said.split()[2]), signal.SIGSTOP)
    children.interrupt()
    await children.stop()
    assert "alice     | bye" in capsys.readouterr().out
    assert children.failures == []


async def test_output_may_be_another_stream(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All lines go to the stream that was given, and none to standard output."""
    output = io.StringIO()
    children = Children(tmp_path, output)
    await start(children, "alice", "print('hello')")
    async with asyncio.timeout(PATIENCE_SECONDS):
        await children.over.wait()
    await children.stop()
    assert "alice     | hello" in output.getvalue()
    assert capsys.readouterr().out == ""
