"""What tests with a database share."""

import pytest

from feeds import overview
from feeds.models import Feed


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
