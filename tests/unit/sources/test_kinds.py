"""The kinds of sources, and the kinds that a feed may have."""

from feeds.models import Feed
from feeds.sources import KINDS, make_source


def test_feeds_have_the_kinds_of_the_sources() -> None:
    """Feeds and sources have the same kinds."""
    assert list(Feed.Kind.values) == list(KINDS)


def test_each_kind_has_its_class() -> None:
    """The class of a kind names that kind."""
    assert {kind: make_source(kind, {}, seed=1).kind for kind in KINDS} == {
        kind: kind for kind in KINDS
    }
