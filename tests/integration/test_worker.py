"""The thread for blocking work."""

import pytest
from django.db import connection
from pytest_django import Settings

from feeds.models import Feed
from feeds.running.worker import Worker


def _look() -> int:
    """Ask the database twice; return how many queries Django remembers."""
    for _ in range(2):
        Feed.objects.exists()
    return len(connection.queries)


@pytest.mark.django_db(transaction=True)
async def test_queries_are_not_hoarded(settings: Settings) -> None:
    """Where DEBUG is on, Django remembers the queries of the last call only."""
    settings.DEBUG = True
    worker = Worker("test")
    try:
        assert [await worker.run(_look) for _ in range(3)] == [2, 2, 2]
    finally:
        await worker.stop()
