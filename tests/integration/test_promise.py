"""The ownership of feeds, and their promises."""

from decimal import Decimal

import pytest
from django.db import IntegrityError

from feeds.core.schedule import Segment
from feeds.making import promise, regeneration
from feeds.models import Feed
from feeds.models import Segment as SegmentRow

pytestmark = pytest.mark.django_db

NOW = 1_790_000_000_000_000


def begin(hold: promise.Hold, last: int, now: int = NOW) -> promise.Hold:
    """Promise up to *last* in a new segment."""
    source = regeneration.source_of(hold.recipe)
    segment = Segment(hold.recipe, source.epoch, hold.promised + 1, now, hold.rate_milli)
    return promise.promise(hold, last, now, segment)


def test_default_feeds_exist() -> None:
    """Every installation has both feeds at one message per second."""
    feeds = Feed.objects.values_list("name", "kind", "rate", "enabled")
    assert list(feeds) == [
        ("arrays", "arrays", Decimal(1), True),
        ("users", "users", Decimal(1), True),
    ]


def test_second_generator_is_refused_while_the_first_runs() -> None:
    """A fresh promise keeps others out; an old or released one does not."""
    hold = begin(promise.take("arrays", NOW), 10)
    with pytest.raises(promise.TakenError, match="feed arrays is being generated"):
        promise.take("arrays", NOW + 1_000_000)
    assert promise.take("arrays", NOW + promise.ALIVE_US).owner == hold.owner + 1


def test_feed_can_be_taken_by_force() -> None:
    """A generator that takes a feed by force owns it at once."""
    hold = begin(promise.take("arrays", NOW), 10)
    assert promise.take("arrays", NOW + 1, by_force=True).owner == hold.owner + 1
    with pytest.raises(promise.FencedError):
        promise.promise(hold, 11, NOW + 2)


def test_released_feed_is_free_at_once() -> None:
    """A generator that stopped cleanly leaves no waiting time."""
    hold = promise.take("arrays", NOW)
    promise.release(hold)
    assert promise.take("arrays", NOW + 1).owner == hold.owner + 1


def test_former_owner_is_fenced_off() -> None:
    """Once another generator owns the feed, the former one can promise nothing."""
    first = begin(promise.take("arrays", NOW), 10)
    second = promise.take("arrays", NOW + promise.ALIVE_US)
    with pytest.raises(promise.FencedError, match="taken over"):
        promise.promise(first, 20, NOW + promise.ALIVE_US)
    promise.release(first)
    assert Feed.objects.get(name="arrays").promised_us == NOW + promise.ALIVE_US
    assert promise.promise(second, 20, NOW + 3_000_000).promised == 20


def test_segment_keeps_the_recipe() -> None:
    """An edit of the feed changes nothing that was served before."""
    hold = begin(promise.take("arrays", NOW), 10)
    Feed.objects.filter(name="arrays").update(seed=2, spec={"shape": [3]}, rate=5)
    hold = promise.promise(hold, 11, NOW + 500_000)
    assert (hold.recipe.seed, hold.rate_milli) == (2, 5000)
    last = hold.schedule.last
    assert last is not None
    assert (last.recipe.seed, last.recipe.spec, last.rate_milli) == (1, "{}", 1000)


def test_promise_and_segment_are_one_transaction() -> None:
    """A refused promise leaves no segment behind."""
    first = promise.take("arrays", NOW)
    promise.take("arrays", NOW + promise.ALIVE_US)
    with pytest.raises(promise.FencedError):
        begin(first, 10)
    assert not SegmentRow.objects.exists()


def test_taking_a_feed_sets_its_options() -> None:
    """The rate of the command line becomes the feed's own; other options stay."""
    promise.take("arrays", NOW, rate=Decimal("2.5"))
    with pytest.raises(promise.TakenError):
        promise.take("arrays", NOW + 1, rate=Decimal(7), seed=99)
    feed = Feed.objects.get(name="arrays")
    assert (feed.rate, feed.seed) == (Decimal("2.5"), 1)


def test_removed_feed_is_reported_as_removed() -> None:
    """Every call reports that the feed was removed, not that it was taken over."""
    hold = begin(promise.take("arrays", NOW), 10)
    Feed.objects.filter(name="arrays").delete()
    with pytest.raises(promise.RemovedError, match="feed arrays was removed"):
        promise.promise(hold, 11, NOW + 1)
    with pytest.raises(promise.RemovedError):
        promise.look(hold)
    with pytest.raises(promise.RemovedError):
        promise.take("arrays", NOW + 1)


@pytest.mark.parametrize("rate", ["0", "-1", "0.0009", "1000000.001"])
def test_rate_outside_the_bounds_is_not_stored(rate: str) -> None:
    """The database itself refuses it, whichever way it arrives."""
    with pytest.raises(IntegrityError, match="feed_rate"):
        Feed.objects.filter(name="arrays").update(rate=Decimal(rate))


@pytest.mark.parametrize("rate", ["0.001", "1000000"])
def test_outermost_rates_are_stored(rate: str) -> None:
    """The smallest and the largest rate are allowed."""
    assert Feed.objects.filter(name="arrays").update(rate=Decimal(rate)) == 1
