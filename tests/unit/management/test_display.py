"""The output of a generator in a log, line by line."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from io import StringIO
from typing import TextIO, cast

import pytest

from clientapp.output import Output
from feeds.making.progress import Progress, State
from feeds.management import display
from feeds.management.display import Display
from tools.waiting import PATIENCE_SECONDS


async def said(*generators: Progress, until: str = "") -> str:
    """Return the lines about *generators*, up to the one with *until*."""
    log = StringIO()
    showing = asyncio.ensure_future(Display(generators, log).run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while until not in log.getvalue():
            await asyncio.sleep(0.001)
    showing.cancel()
    with suppress(asyncio.CancelledError):
        await showing
    return log.getvalue()


def at_work(feed: str) -> Progress:
    """Return the progress of a generator that published a message."""
    progress = Progress(feed, State.RUNNING)
    progress.add(7, 1, 0.001)
    return progress


async def test_feed_without_messages_does_not_delay_others() -> None:
    """A feed that is off or slow has no line yet; the others do."""
    off, slow = Progress("off", State.OFF), Progress("slow", State.RUNNING)
    log = await said(off, at_work("users"), slow, until="late by 1.0 ms")
    assert log.startswith("feed users: running at offset 7")
    assert log.count("\n") == 1


async def test_first_lines_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first lines are printed together, once each generator has its feed."""
    monkeypatch.setattr(display, "LIVE_SECONDS", 0.001)
    starting = Progress("arrays")
    showing = asyncio.ensure_future(said(at_work("users"), starting, until="arrays"))
    await asyncio.sleep(0.05)
    assert not showing.done()
    starting.state = State.RUNNING
    starting.add(1, 1, 0.002)
    log = await showing
    assert [line.split(":")[0] for line in log.splitlines()] == ["feed users", "feed arrays"]


async def test_failing_output_is_logged_and_ends_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log says at once that the feeds continue; nothing is added at the end."""
    monkeypatch.setattr(display.log, "handlers", [caplog.handler])
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as stream:
        shown = Display([at_work("users")], cast(TextIO, Output(stream)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await shown.run()
        assert set(caplog.messages) == {"nobody reads the output any more; the feeds keep running"}
        shown.end()
    assert str(shown.gone) == "nobody reads the output any more"
