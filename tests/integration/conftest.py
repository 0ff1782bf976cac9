"""Fixtures that several test modules share."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from pytest_django import Settings

from feeds.making.diagnosis import DELAYS
from feeds.making.observation import OBSERVER
from feeds.models import Feed
from feeds.pages import overview
from feeds.running import child
from feeds.serving.node import Node, get_node, stop_node
from tests.support.client_process import Lifted
from tests.support.feed_server import FeedServer
from tests.support.forks import popen
from tests.support.postgresql import MissingError, PostgreSQL, running


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Forget what the page has cached and observed, so that each test reads its own data."""
    overview.forget()
    OBSERVER.forget()
    DELAYS.seconds.clear()


@pytest.fixture
def default_feeds(transactional_db: None) -> None:
    """
    Create the feeds of a new installation for a test that commits.

    The previous test may have emptied every table, including the migrated rows.
    """
    for kind in ("users", "arrays"):
        Feed.objects.get_or_create(name=kind, defaults={"kind": kind})


@pytest.fixture
async def server() -> AsyncIterator[FeedServer]:
    """Run a scripted server."""
    async with FeedServer() as server:
        yield server


@pytest.fixture
async def lifted(tmp_path: Path) -> AsyncIterator[Lifted]:
    """Copy the client to another place."""
    lifted = Lifted(tmp_path)
    yield lifted
    await lifted.clean_up()


@pytest.fixture
def in_memory_layer(settings: Settings) -> None:
    """Give the test a channel layer of its own."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


@pytest.fixture
async def node_ends(default_feeds: None, in_memory_layer: None) -> AsyncIterator[None]:
    """Stop the node of the test's event loop afterwards."""
    yield
    await stop_node()


@pytest.fixture
async def node(node_ends: None) -> Node:
    """Return the node of the test's event loop."""
    return await get_node()


@pytest.fixture
def forked_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork the processes that this test starts by `feeds.running.child`."""
    forking = SimpleNamespace(Popen=popen, PIPE=subprocess.PIPE)
    monkeypatch.setattr(child, "subprocess", forking)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL server for the tests of a module."""
    try:
        with running() as server:
            yield server
    except MissingError as missing:
        pytest.skip(str(missing))
