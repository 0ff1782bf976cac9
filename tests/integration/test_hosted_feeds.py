"""The comparison of a consumer's messages with the feed, by `tools.hosted_feeds`."""

import pytest

from feeds.models import Feed, Segment
from feeds.running.clock import now_us
from feeds.sources import make_source
from tools.hosted_feeds import differences

HOUR_US = 3_600_000_000

pytestmark = pytest.mark.django_db


@pytest.fixture
def slow() -> str:
    """Create a feed whose messages 1 to 4 are due, and 5 to 8 are promised."""
    feed = Feed.objects.create(name="slow", kind="arrays", promised=8)
    Segment.objects.create(
        feed=feed,
        epoch=make_source("arrays", {}, seed=1).epoch,
        kind="arrays",
        seed=1,
        first=1,
        started_us=now_us() - HOUR_US,
        rate_milli=1,
    )
    return feed.name


def test_message_that_is_not_due_is_not_missing(slow: str) -> None:
    """Only messages whose time has come can be missing."""
    found = differences(slow, [1, 7], None, None)
    assert isinstance(found, dict)
    assert (found["missing"], found["never sent"]) == ([2, 3, 4], [7])


def test_required_message_must_have_been_sent(slow: str) -> None:
    """A check that requires a message beyond the last one sent fails, whatever was received."""
    said = "message 7 was not sent: the feed has only reached 4"
    assert differences(slow, [1, 2, 3, 4], None, 7) == said
    assert differences(slow, [1, 2, 3, 4], 7, None) == said
    found = differences(slow, [1, 2, 3, 4], 1, 4)
    assert isinstance(found, dict)
    assert not any(found.values())
