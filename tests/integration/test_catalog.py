"""The catalog of feeds in a process, and the cost of refreshing it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from feeds.core.schedule import Recipe
from feeds.making import catalog as catalog_module
from feeds.making.catalog import Catalog
from feeds.making.observation import OBSERVER, SILENT_SECONDS, Life
from feeds.making.regeneration import lines_between, source_of
from feeds.making.segments import recipe_of
from feeds.models import Feed, Segment
from feeds.running.clock import now_us
from feeds.running.worker import Worker
from feeds.sources import Source

pytestmark = pytest.mark.django_db


def segment(feed: Feed, first: int, epoch: str = "0" * 12) -> Segment:
    """Start a new segment of *feed*."""
    return Segment.objects.create(
        feed=feed,
        epoch=epoch,
        kind=feed.kind,
        seed=feed.seed,
        first=first,
        started_us=first,
        rate_milli=1000,
    )


def refresh(catalog: Catalog) -> None:
    """Do what `Catalog.refresh` does, in this thread."""
    catalog.take(catalog.read())


def firsts(catalog: Catalog) -> dict[str, set[int]]:
    """Return the first offsets of the segments that *catalog* knows."""
    return {
        name: {feed.schedule.segment(offset).first for offset in range(1, 100)}
        for name, feed in catalog.feeds.items()
        if len(feed.schedule)
    }


def test_refresh_finds_new_segments_of_each_feed() -> None:
    """New segments are found by their offsets, in whatever order the feeds stored them."""
    Feed.objects.all().delete()
    one, two = (Feed.objects.create(name=name, kind="arrays") for name in ("one", "two"))
    catalog = Catalog(Worker("database"))
    refresh(catalog)
    assert firsts(catalog) == {}
    for feed, first in ((two, 1), (one, 1), (one, 50), (two, 7)):
        segment(feed, first)
    refresh(catalog)
    assert firsts(catalog) == {"one": {1, 50}, "two": {1, 7}}
    segment(two, 20)
    segment(Feed.objects.create(name="three", kind="arrays"), 1)
    refresh(catalog)
    assert firsts(catalog) == {"one": {1, 50}, "two": {1, 7, 20}, "three": {1}}


def test_removed_feed_is_kept_as_switched_off() -> None:
    """Clients can still report blocks of a removed feed, whose messages can be regenerated."""
    feed = Feed.objects.get(name="arrays")
    segment(feed, 1, source_of(recipe_of(feed)).epoch)
    Feed.objects.update(promised=10, promised_us=now_us())
    catalog = Catalog(Worker("database"))
    refresh(catalog)
    assert catalog.feeds["arrays"].diagnosis().is_running
    lines = lines_between("arrays", catalog.feeds["arrays"].schedule, 1, 10)
    assert len(lines) == 10
    feed.delete()
    for _ in range(2):
        refresh(catalog)
        known = catalog.feeds["arrays"]
        assert not known.enabled
        assert not known.diagnosis().is_running
        assert known.promised == 10
        assert lines_between("arrays", known.schedule, 1, 10) == lines
    Feed.objects.create(name="arrays", kind="arrays")
    refresh(catalog)
    catalog.accept("arrays")
    assert catalog.feeds["arrays"].enabled
    assert firsts(catalog) == {}


def test_rolled_back_feed_stays_as_it_was_until_accepted() -> None:
    """Messages of two histories are never mixed."""
    feed = Feed.objects.get(name="arrays")
    segment(feed, 1)
    catalog = Catalog(Worker("database"))
    Feed.objects.update(promised=60)
    refresh(catalog)
    Feed.objects.update(promised=30)
    refresh(catalog)
    assert not catalog.rolled_back  # the same segment may continue
    segment(feed, 31)
    Feed.objects.update(promised=40)
    for _ in range(2):
        refresh(catalog)
        assert (firsts(catalog)["arrays"], catalog.feeds["arrays"].promised) == ({1}, 30)
        assert list(catalog.rolled_back) == ["arrays"]
    assert catalog.accept("arrays").promised == 40
    segment(feed, 41)
    refresh(catalog)
    assert (firsts(catalog)["arrays"], catalog.rolled_back) == ({1, 31, 41}, {})


@pytest.mark.parametrize("again", [None, 20, 50])
def test_lost_segment_is_noticed(again: int | None) -> None:
    """Segments that are missing, or replaced by a generator since, show a lost history."""
    feed = Feed.objects.get(name="arrays")
    segment(feed, 1)
    lost = segment(feed, 50)
    catalog = Catalog(Worker("database"))
    refresh(catalog)
    lost.delete()
    if again is not None:
        segment(feed, again, "f" * 12)
    refresh(catalog)
    assert list(catalog.rolled_back) == ["arrays"]
    catalog.accept("arrays")
    refresh(catalog)
    assert firsts(catalog)["arrays"] == ({1} if again is None else {1, again})
    assert not catalog.rolled_back


def test_refresh_costs_two_queries() -> None:
    """Each server process refreshes every second, with two queries for any number of feeds."""
    for number in range(98):
        segment(Feed.objects.create(name=f"feed-{number}", kind="arrays"), 1)
    catalog = Catalog(Worker("database"))
    for queries in (3, 2, 2):
        with CaptureQueriesContext(connection) as asked:
            refresh(catalog)
        assert len(asked) == queries
    assert len(catalog.feeds) == 100


def test_slow_source_does_not_silence_a_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for building sources does not count as silence of a generator."""
    clock, built = [0.0], set[Recipe]()

    def build(recipe: Recipe) -> Source:
        clock[0] += 0 if recipe in built else 2 * SILENT_SECONDS
        built.add(recipe)
        return source_of(recipe)

    Feed.objects.update(promised_us=now_us())
    monkeypatch.setattr(OBSERVER, "_clock", lambda: clock[0])
    monkeypatch.setattr(catalog_module, "source_of", build)
    catalog = Catalog(Worker("database"))
    for _ in range(3):
        refresh(catalog)
        assert catalog.feeds["arrays"].diagnosis().is_running
    clock[0] += 1
    refresh(catalog)
    assert OBSERVER.life("arrays") is Life.UNKNOWN
