"""A run of the client in this process, with its patience made short."""

import asyncio
from pathlib import Path

import pytest

from clientapp import collector
from clientapp.blocklog import BlockLog
from clientapp.core import events
from clientapp.core.errors import CouldNot
from clientapp.core.session import Session
from clientapp.core.tally import Tally
from clientapp.run import Run
from tests.support.feed_server import FeedServer


async def publish_when_connected(server: FeedServer) -> None:
    """Publish one message to the first client."""
    await server.until(lambda: server.connected == 1)
    await server.publish("users", 1)


async def test_reports_that_nobody_acknowledges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait for the last acknowledgement is bounded, and its failure is told."""
    monkeypatch.setattr(collector, "ACK_SECONDS", 0)
    shown: list[events.Event] = []
    async with FeedServer() as server:
        server.acknowledges = False
        asked = Session(
            client="alice",
            session="a-key-of-a-session",
            url=server.url,
            feeds=("users",),
            block_size=1,
        )
        with BlockLog(tmp_path / "alice.log") as log:
            run = Run(asked, log, Tally(block_size=1), shown.append, blocks=1)
            async with asyncio.TaskGroup() as both:
                both.create_task(publish_when_connected(server))
                with pytest.raises(CouldNot, match="did not acknowledge 1 report "):
                    await run.to_end()
    summary = shown[-1]
    assert isinstance(summary, events.Summary)
    assert (summary.blocks, summary.unacknowledged) == (1, 1)
