"""What tests with a database share."""

import pytest

from feeds.models import Feed


@pytest.fixture
def default_feeds(transactional_db: None) -> None:
    """
    Give a test that commits the feeds of a new installation.

    The test before it may have emptied every table, the migrated ones too.
    """
    for kind in ("users", "arrays"):
        Feed.objects.get_or_create(name=kind, defaults={"kind": kind})
