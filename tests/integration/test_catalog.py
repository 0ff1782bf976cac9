"""What a process knows of the feeds, and what it costs to look."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from feeds.core.schedule import Recipe
from feeds.making import catalog as catalog_module
from feeds.making.catalog import ATTENDED_US, Catalog, recipe_of
from feeds.making.regeneration import lines_between, source_of
from feeds.models import Feed, Segment
from feeds.running.clock import now_us
from feeds.running.worker import Worker
from feeds.sources import Source

pytestmark = pytest.mark.django_db


def segment(feed: Feed, first: int, epoch: str = "0" * 12) -> Segment:
    """Let *feed* go on in a new segment."""
    return Segment.objects.create(
        feed=feed,
        epoch=epoch,
        kind=feed.kind,
        seed=feed.seed,
        first=first,
        started_us=first,
        rate_milli=1000,
    )


def firsts(catalog: Catalog) -> dict[str, set[int]]:
    """Return where the segments begin that *catalog* knows."""
    return {
        name: {feed.schedule.segment(offset).first for offset in range(1, 100)}
        for name, feed in catalog.feeds.items()
        if len(feed.schedule)
    }


def test_finds_what_is_new_in_each_feed() -> None:
    """Segments are found by their offsets, whichever feed's was stored first."""
    Feed.objects.all().delete()
    one, two = (Feed.objects.create(name=name, kind="arrays") for name in ("one", "two"))
    catalog = Catalog(Worker("database"))
    catalog.read()
    assert firsts(catalog) == {}
    for feed, first in ((two, 1), (one, 1), (one, 50), (two, 7)):
        segment(feed, first)
    catalog.read()
    assert firsts(catalog) == {"one": {1, 50}, "two": {1, 7}}
    segment(two, 20)
    segment(Feed.objects.create(name="three", kind="arrays"), 1)
    catalog.read()
    assert firsts(catalog) == {"one": {1, 50}, "two": {1, 7, 20}, "three": {1}}


def test_a_removed_feed_is_remembered_as_switched_off() -> None:
    """Who received it reports it, and what it held can still be made."""
    feed = Feed.objects.get(name="arrays")
    segment(feed, 1, source_of(recipe_of(feed)).epoch)
    Feed.objects.update(promised=10, promised_us=now_us())
    catalog = Catalog(Worker("database"))
    catalog.read()
    assert catalog.feeds["arrays"].running(now_us())
    lines = lines_between("arrays", catalog.feeds["arrays"].schedule, 1, 10)
    assert len(lines) == 10
    feed.delete()
    for _ in range(2):
        catalog.read()
        known = catalog.feeds["arrays"]
        assert not known.enabled
        assert not known.running(now_us())
        assert known.promised == 10
        assert lines_between("arrays", known.schedule, 1, 10) == lines
    Feed.objects.create(name="arrays", kind="arrays")
    catalog.read()
    assert catalog.feeds["arrays"].enabled
    assert firsts(catalog) == {}


def test_a_look_costs_two_queries() -> None:
    """However many feeds there are: each server process looks every second. The first is dearer."""
    for number in range(98):
        segment(Feed.objects.create(name=f"feed-{number}", kind="arrays"), 1)
    catalog = Catalog(Worker("database"))
    for queries in (3, 2, 2):
        with CaptureQueriesContext(connection) as asked:
            catalog.read()
        assert len(asked) == queries
    assert len(catalog.feeds) == 100


def test_a_feed_is_not_called_idle_because_its_source_took_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The promise is read after sources were built, so a server that starts says no false word."""
    clock, built = [now_us()], set[Recipe]()

    def build(recipe: Recipe) -> Source:
        if recipe not in built:
            clock[0] += ATTENDED_US
            Feed.objects.update(promised_us=clock[0])  # its generator goes on meanwhile
        built.add(recipe)
        return source_of(recipe)

    Feed.objects.exclude(name="arrays").delete()
    Feed.objects.update(promised_us=clock[0])
    monkeypatch.setattr(catalog_module, "source_of", build)
    catalog = Catalog(Worker("database"))
    catalog.read()
    assert catalog.feeds["arrays"].running(clock[0])
