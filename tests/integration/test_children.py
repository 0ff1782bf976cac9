"""`tools.children` reports and ends what it started, whatever the children do."""

import asyncio
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
    """Return everything printed, as soon as *lines* are in it."""
    printed = ""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not all(line in printed for line in lines):
            await asyncio.sleep(0.01)
            printed += capsys.readouterr().out
    return printed


async def test_stops_in_reverse_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was started last ends first, and a clean end is no failure."""
    children = Children(tmp_path)
    for name in ("server", "alice"):
        await start(children, name, f"{OBEDIENT}; {WAITING}")
    await shown(capsys, "server    | ready", "alice     | ready")
    children.interrupt()
    await children.stop()
    assert capsys.readouterr().out.split("\n") == ["alice     | bye", "server    | bye", ""]
    assert children.failures == []


async def test_stopped_before_it_was_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A child that does not handle the request yet dies of it, which is no failure."""
    children = Children(tmp_path)
    await start(children, "alice", f"import signal; {WAITING}")
    await shown(capsys, "alice     | ready")
    children.interrupt()
    await children.stop()
    assert children.failures == []


async def test_a_child_that_ends_by_itself_ends_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named with its exit code and the command that starts it again."""
    children = Children(tmp_path)
    await start(children, "server", f"{OBEDIENT}; {WAITING}")
    await shown(capsys, "server    | ready")
    await children.start("alice", "-c", "raise SystemExit(3)", good_codes=(3,), again="./alice")
    await children.start("bob", "-c", "raise SystemExit(1)")
    said = await shown(capsys, "alice ended", "bob ended")
    assert set(said.splitlines()) == {
        "alice ended with exit code 3; the others keep running. Start it again with: ./alice",
        "bob ended with exit code 1; the others keep running.",
    }
    assert not children.over.is_set()
    children.interrupt()
    await children.stop()
    assert children.failures == ["bob ended with exit code 1"]


async def test_even_a_clean_end_is_unexpected(tmp_path: Path) -> None:
    """A child that ends by itself is a failure, also with exit code 0; the last one ends all."""
    children = Children(tmp_path)
    await start(children, "alice", "pass")
    async with asyncio.timeout(PATIENCE_SECONDS):
        await children.over.wait()
    await children.stop()
    assert children.failures == ["alice ended with exit code 0"]


async def test_one_that_must_start_ends_all_where_it_cannot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that never came up leaves nothing to keep running for."""
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


async def test_a_child_is_up_once_it_says_so(tmp_path: Path) -> None:
    """The next one need not wait longer, nor for one that ended or for ever."""
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


async def test_kills_the_stubborn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that will not stop is killed, and named."""
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
    """Whoever asks again does not wait."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
    children = Children(tmp_path)
    await start(children, "alice", f"{STUBBORN}; {WAITING}")
    await shown(capsys, "ready")
    children.interrupt()
    children.interrupt()
    await children.stop()
    assert children.failures == ["alice ended with exit code -9"]


async def test_interrupt_delivered_twice_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One Ctrl-C that arrives twice kills nobody."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 3600.0)
    children = Children(tmp_path)
    await start(children, "alice", f"{OBEDIENT}; {WAITING}")
    await shown(capsys, "ready")
    children.interrupt()
    children.interrupt()
    await children.stop()
    assert children.failures == []
