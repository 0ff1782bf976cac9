"""The ownership of feeds, and their promises."""

from decimal import Decimal

import pytest
from django.db import IntegrityError

from feeds.core.schedule import Segment
from feeds.making import ownership, regeneration
from feeds.models import Feed
from feeds.models import Segment as SegmentRow

pytestmark = pytest.mark.django_db

NOW = 1_790_000_000_000_000


def begin(owned: ownership.OwnedFeed, last: int, now: int = NOW) -> ownership.OwnedFeed:
    """Promise up to *last* in a new segment."""
    source = regeneration.source_of(owned.recipe)
    segment = Segment(owned.recipe, source.epoch, owned.promised + 1, now, owned.rate_milli)
    return ownership.promise(owned, last, now, segment)


def test_default_feeds_exist() -> None:
    """Every installation has both feeds at one message per second."""
    feeds = Feed.objects.values_list("name", "kind", "rate", "enabled")
    assert list(feeds) == [
        ("arrays", "arrays", Decimal(1), True),
        ("users", "users", Decimal(1), True),
    ]


def seize(name: str, now: int = NOW) -> ownership.OwnedFeed:
    """Take a feed as it is now."""
    return ownership.take(name, now, ownership.see(name))


def test_feed_is_taken_only_as_it_was_seen() -> None:
    """After a promise or a change of owner, the sign seen before no longer takes the feed."""
    seen = ownership.see("arrays")
    owned = ownership.take("arrays", NOW, seen)
    with pytest.raises(ownership.ChangedError):
        ownership.take("arrays", NOW + 1, seen)
    seen = ownership.see("arrays")
    owned = begin(owned, 10)
    with pytest.raises(ownership.ChangedError):
        ownership.take("arrays", NOW + 1, seen)
    assert seize("arrays").owner == owned.owner + 1


def test_feed_can_be_taken_by_force() -> None:
    """A generator that takes a feed by force owns it at once."""
    owned = begin(seize("arrays"), 10)
    assert ownership.take("arrays", NOW + 1, None).owner == owned.owner + 1
    with pytest.raises(ownership.TakenOverError):
        ownership.promise(owned, 11, NOW + 2)


def test_slow_database_takes_no_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If taking a feed is slow, it keeps its owner, whose promise may have waited as well."""
    monkeypatch.setattr(ownership, "PROMPT_SECONDS", -1.0)
    owned = seize("arrays")  # without an owner it does not matter
    with pytest.raises(ownership.SlowError):
        seize("arrays")
    assert begin(owned, 10).owner == owned.owner


def test_released_feed_is_free() -> None:
    """A generator that stops cleanly clears the time of its last promise."""
    owned = seize("arrays")
    assert ownership.see("arrays").promised_us == NOW
    ownership.release(owned)
    assert ownership.see("arrays").promised_us == 0


def test_former_owner_is_locked_out() -> None:
    """Once another generator owns the feed, the previous owner can promise nothing."""
    first = begin(seize("arrays"), 10)
    second = seize("arrays", NOW + 1)
    with pytest.raises(ownership.TakenOverError, match="taken over"):
        ownership.promise(first, 20, NOW + 2)
    ownership.release(first)
    assert Feed.objects.get(name="arrays").promised_us == NOW + 1
    assert ownership.promise(second, 20, NOW + 3_000_000).promised == 20


def test_segment_keeps_the_recipe() -> None:
    """An edit of the feed changes nothing that was served before."""
    owned = begin(seize("arrays"), 10)
    Feed.objects.filter(name="arrays").update(seed=2, spec={"shape": [3]}, rate=5)
    owned = ownership.promise(owned, 11, NOW + 500_000)
    assert (owned.recipe.seed, owned.rate_milli) == (2, 5000)
    last = owned.schedule.last
    assert last is not None
    assert (last.recipe.seed, last.recipe.spec, last.rate_milli) == (1, "{}", 1000)


def test_promise_and_segment_are_one_transaction() -> None:
    """A refused promise leaves no segment behind."""
    first = seize("arrays")
    seize("arrays")
    with pytest.raises(ownership.TakenOverError):
        begin(first, 10)
    assert not SegmentRow.objects.exists()


def test_taking_a_feed_sets_its_options() -> None:
    """The rate of the command line becomes the feed's own; other options stay."""
    seen = ownership.see("arrays")
    ownership.take("arrays", NOW, seen, rate=Decimal("2.5"))
    with pytest.raises(ownership.ChangedError):
        ownership.take("arrays", NOW + 1, seen, rate=Decimal(7), seed=99)
    feed = Feed.objects.get(name="arrays")
    assert (feed.rate, feed.seed) == (Decimal("2.5"), 1)


def test_removed_feed_is_reported_as_removed() -> None:
    """Every call reports that the feed was removed, not that it was taken over."""
    owned = begin(seize("arrays"), 10)
    Feed.objects.filter(name="arrays").delete()
    with pytest.raises(ownership.RemovedError, match="feed arrays was removed"):
        ownership.promise(owned, 11, NOW + 1)
    with pytest.raises(ownership.RemovedError):
        ownership.look(owned)
    for call in (ownership.see, ownership.prepare):
        with pytest.raises(ownership.RemovedError):
            call("arrays")
    for seen in (ownership.sign_of(Feed()), None):
        with pytest.raises(ownership.RemovedError):
            ownership.take("arrays", NOW + 1, seen)


@pytest.mark.parametrize("rate", ["0", "-1", "0.0004", "1000000.001"])
def test_rate_outside_the_bounds_is_not_stored(rate: str) -> None:
    """The database itself refuses such a rate, whichever way it arrives."""
    with pytest.raises(IntegrityError, match="feed_rate"):
        Feed.objects.filter(name="arrays").update(rate=Decimal(rate))


@pytest.mark.parametrize("rate", ["0.001", "1000000"])
def test_outermost_rates_are_stored(rate: str) -> None:
    """The smallest and the largest rate are allowed."""
    assert Feed.objects.filter(name="arrays").update(rate=Decimal(rate)) == 1
