"""The log of a starting server, about feeds without a generator."""

from __future__ import annotations

import logging

import pytest
from channels.db import database_sync_to_async

from feeds.fanout import announcer
from feeds.models import Feed
from feeds.running.clock import now_us
from feeds.serving.node import Node

pytestmark = pytest.mark.django_db(transaction=True)
STOPPED = "feed users is not running: it was never started"


async def look(node: Node, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Let the node look at its feeds; return its lines about users since the last look."""
    caplog.clear()
    with caplog.at_level(logging.INFO, "feeds.node"):
        await node.poll()
        await node._announcer.notice_changes(now_us())
    return [one.getMessage() for one in caplog.records if "feed users" in one.getMessage()]


async def test_generator_that_starts_with_the_server_is_awaited(
    node: Node, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its first seconds a server reports no feed as not running; later it does, once."""
    assert STOPPED not in caplog.text
    assert await look(node, caplog) == []
    monkeypatch.setattr(announcer, "START_SECONDS", 0.0)
    [said] = await look(node, caplog)
    assert said.startswith(STOPPED)
    assert await look(node, caplog) == []


async def test_feed_that_stops_in_the_first_seconds_is_logged_at_once(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the state at the start may be logged later; a change is logged at once."""
    users = Feed.objects.filter(name="users")
    await database_sync_to_async(users.update)(enabled=False)
    assert await look(node, caplog) == ["feed users is switched off in the admin"]
    await database_sync_to_async(users.update)(enabled=True)
    [said] = await look(node, caplog)
    assert said.startswith(STOPPED)
