"""What tests of several parts share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from feeds.models import Feed
from feeds.pages import overview
from tests.support.client_process import Lifted
from tests.support.feed_server import FeedServer


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Let each test look for itself: a process keeps what the page saw for a moment."""
    overview.forget()


@pytest.fixture
def default_feeds(transactional_db: None) -> None:
    """
    Give a test that commits the feeds of a new installation.

    The test before it may have emptied every table, the migrated ones too.
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
    """Copy the client somewhere else."""
    lifted = Lifted(tmp_path)
    yield lifted
    await lifted.clean_up()
