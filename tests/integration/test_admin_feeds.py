"""Feeds in the admin: validated when edited, and previewed before they run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clientapp.wire import names
from feeds.admin.recipes import RECIPES, Recipe
from feeds.making import regeneration, segments
from feeds.models import Feed, Segment
from feeds.sources import make_source
from tests.support.admin import NOW, shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def feed() -> Feed:
    """Return a feed that was never generated."""
    return Feed.objects.create(name="numbers", kind="arrays")


def edit(client: Client, feed: Feed, **changes: Any) -> Any:
    """Post the form of *feed* with *changes*; return the response."""
    data = {
        "kind": feed.kind,
        "spec": json.dumps(feed.spec),
        "seed": feed.seed,
        "rate": feed.rate,
        "enabled": "on",
        "segments-TOTAL_FORMS": "0",
        "segments-INITIAL_FORMS": "0",
    }
    return client.post(reverse("admin:feeds_feed_change", args=(feed.pk,)), {**data, **changes})


def test_page_previews_the_next_records(admin_client: Client, feed: Feed) -> None:
    """A feed's page shows the ten records after its promise, byte for byte."""
    feed.promised = 500
    feed.save()
    page = shown(admin_client, feed)
    for offset, text in enumerate(
        regeneration.source_of(segments.recipe_of(feed)).records(501, 10), 501
    ):
        record = json.dumps(json.loads(text))
        assert f"<span>{offset}</span><code>{record}</code>" in page
    assert "<span>511</span>" not in page


def test_preview_of_a_wrong_recipe_is_a_sentence(admin_client: Client, feed: Feed) -> None:
    """If no source understands a stored spec, the page shows a sentence, not an error."""
    Feed.objects.filter(pk=feed.pk).update(spec={"no_such_key": 1})
    assert "no_such_key" in shown(admin_client, Feed.objects.get(pk=feed.pk))


def test_edit_is_stored(admin_client: Client, feed: Feed) -> None:
    """Kind, spec, seed, rate and state of a feed can be changed; its name cannot."""
    changes = {"kind": "users", "spec": '{"fields": ["name"]}', "seed": "7", "rate": "2.5"}
    response = edit(admin_client, feed, name="renamed", **changes, enabled="")
    assert response.status_code == 302
    feed.refresh_from_db()
    assert (feed.name, feed.kind, feed.seed, feed.rate_milli) == ("numbers", "users", 7, 2500)
    assert feed.spec == {"fields": ["name"]}


@pytest.mark.parametrize(
    ("field", "value", "part"),
    [
        ("spec", '{"no_such_key": 1}', "no_such_key"),
        ("spec", "[1]", "object"),
        ("spec", "{", "valid JSON"),
        ("rate", "0", "0.001"),
        ("rate", "1000001", "1000000"),
        ("seed", "-1", "0"),
        ("kind", "nonsense", "nonsense"),
    ],
)
def test_wrong_edit_is_refused(
    admin_client: Client, feed: Feed, field: str, value: str, part: str
) -> None:
    """A value that no generator could use is refused with a sentence at its field."""
    response = edit(admin_client, feed, **{field: value})
    assert response.status_code == 200
    errors = response.context["adminform"].form.errors
    assert list(errors) == [field]
    assert part in errors[field][0]
    assert Feed.objects.get(pk=feed.pk).spec == {}


@pytest.mark.parametrize("spec", ["", "{}", "null"])
def test_empty_spec_means_the_defaults(admin_client: Client, feed: Feed, spec: str) -> None:
    """An empty spec is stored as an empty object."""
    assert edit(admin_client, feed, spec=spec, seed="2").status_code == 302
    feed.refresh_from_db()
    assert (feed.spec, feed.seed) == ({}, 2)


def test_edit_does_not_overwrite_the_promise(admin_client: Client, feed: Feed) -> None:
    """An edit does not overwrite values that a generator wrote since the form was read."""
    with CaptureQueriesContext(connection) as captured:
        edit(admin_client, feed, rate="4")
    updates = [q["sql"] for q in captured.captured_queries if q["sql"].startswith("UPDATE")]
    feed_updates = [sql for sql in updates if Feed._meta.db_table in sql]
    assert len(feed_updates) == 1
    assert '"rate" = ' in feed_updates[0]
    assert "promised" not in feed_updates[0]
    assert "owner" not in feed_updates[0]


def test_feed_can_be_added(admin_client: Client) -> None:
    """A feed can be added; its name must follow the rule for names."""
    path = reverse("admin:feeds_feed_add")
    data = {"name": "prices", "kind": "arrays", "spec": "{}", "seed": "1", "rate": "1"}
    refused = admin_client.post(path, {**data, "name": "Not A Name"})
    assert names.FEED_NAME_RULE in refused.context["adminform"].form.errors["name"]
    assert admin_client.post(path, data).status_code == 302
    assert not Feed.objects.get(name="prices").enabled


def test_feed_that_ran_cannot_be_deleted(admin_client: Client, feed: Feed) -> None:
    """A feed can be deleted only as long as no client can know its offsets."""
    kept = Feed.objects.create(name="kept", kind="arrays")
    Segment.objects.create(
        feed=kept, epoch="0123456789ab", kind="arrays", seed=1, first=1, started_us=0, rate_milli=1
    )
    refused, done = (
        admin_client.post(
            reverse("admin:feeds_feed_delete", args=(row.pk,)), {"post": "yes"}, follow=True
        ).content.decode()
        for row in (kept, feed)
    )
    assert "The feed kept has run, so it cannot be deleted" in refused
    assert "has run" not in done
    assert list(Feed.objects.filter(pk__in=(kept.pk, feed.pk))) == [kept]


def test_list_of_feeds_offers_no_deletion(admin_client: Client, feed: Feed) -> None:
    """Bulk deletion would fail if one of the feeds has run, so it is not offered."""
    path = reverse("admin:feeds_feed_changelist")
    assert "delete_selected" not in admin_client.get(path).content.decode()
    chosen = {"action": "delete_selected", "_selected_action": [feed.pk], "post": "yes"}
    admin_client.post(path, chosen)
    assert Feed.objects.filter(pk=feed.pk).exists()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.about)
def test_example_spec_makes_records(recipe: Recipe) -> None:
    """Each example is a valid spec of its kind, and docs/reference/feeds.md shows it."""
    assert len(make_source(recipe.kind, recipe.spec, seed=1).records(1, 3)) == 3
    text = (settings.BASE_DIR / "docs" / "reference" / "feeds.md").read_text(encoding="utf-8")
    assert f"`{recipe.text}`" in text


def test_forms_offer_example_specs(admin_client: Client, client: Client, feed: Feed) -> None:
    """The forms offer the examples; a page without a field for the spec does not."""
    added = admin_client.get(reverse("admin:feeds_feed_add")).content.decode()
    for page in (added, shown(admin_client, feed)):
        assert page.count("data-spec=") == len(RECIPES)
        assert "feeds/recipes.js" in page
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_feed"))
    client.force_login(user)
    assert "data-spec=" not in shown(client, feed)


def test_feed_links_its_sessions_and_reports(admin_client: Client, feed: Feed) -> None:
    """The page of a feed links both lists, filtered by the feed."""
    page = shown(admin_client, feed)
    for model in ("clientsession", "blockreport"):
        address = f"{reverse(f'admin:feeds_{model}_changelist')}?feed={feed.name}"
        assert f'href="{address}"' in page
        assert admin_client.get(address).status_code == 200


def test_feed_shows_its_segments(admin_client: Client, feed: Feed) -> None:
    """The page of a feed shows the rates at which it ran, and since when."""
    started_us = int(NOW.timestamp()) * 1_000_000
    Segment.objects.create(
        feed=feed,
        epoch="0123456789ab",
        kind="arrays",
        seed=1,
        first=1,
        started_us=started_us,
        rate_milli=2500,
    )
    page = shown(admin_client, feed)
    assert "2.5/s" in page
    assert "2026-11-21 09:30:15" in page
    assert "0123456789ab" in page


@pytest.mark.parametrize(
    "spec",
    ["[" * 100_000, '{"shape":' * 50_000, '{"\\ud800": 1}', '{"low": NaN}', "\0", "9" * 5000],
)
def test_hostile_json_is_refused_at_its_field(admin_client: Client, feed: Feed, spec: str) -> None:
    """No text in the field of the spec causes more than an error at the field."""
    response = edit(admin_client, feed, spec=spec)
    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == ["spec"]
    assert Feed.objects.get(pk=feed.pk).spec == {}


def test_feeds_can_be_started_and_paused(admin_client: Client, feed: Feed) -> None:
    """The list and the page switch a feed, and change nothing else in its row."""
    path = reverse("admin:feeds_feed_changelist")
    with CaptureQueriesContext(connection) as captured:
        admin_client.post(path, {"action": "pause", "_selected_action": [feed.pk]})
    feed.refresh_from_db()
    assert not feed.enabled
    updates = [q["sql"] for q in captured.captured_queries if q["sql"].startswith("UPDATE")]
    (update,) = [sql for sql in updates if Feed._meta.db_table in sql]
    assert "promised" not in update
    chosen = {"action": "start", "_selected_action": [feed.pk]}
    assert "Started: numbers." in admin_client.post(path, chosen, follow=True).content.decode()
    feed.refresh_from_db()
    assert feed.enabled
    again = admin_client.post(path, chosen, follow=True)
    assert "Nothing to do: already started." in again.content.decode()


def test_viewer_cannot_switch_feeds(client: Client, feed: Feed) -> None:
    """A user who may only view sees no switch, and requests to use one are refused."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_feed"))
    client.force_login(user)
    path = reverse("admin:feeds_feed_changelist")
    assert "_selected_action" not in client.get(path).content.decode()
    client.post(path, {"action": "pause", "_selected_action": [feed.pk]})
    feed.refresh_from_db()
    assert feed.enabled
