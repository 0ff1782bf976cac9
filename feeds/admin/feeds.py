"""The admin pages of feeds, with a preview of their records."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from feeds import show
from feeds.admin.actions import offer
from feeds.admin.forms import FeedForm
from feeds.admin.read_only import FactInline, leads
from feeds.admin.recipes import recipes
from feeds.making import regeneration, segments
from feeds.making.diagnosis import Condition
from feeds.models import Feed, Segment
from feeds.sources import SpecError
from feeds.summary import summaries

PREVIEWED = 10
"""Records shown on the page of a feed."""

KEPT = (
    "The feed {feed} has run, so it cannot be deleted: its offsets must not start again. Pause it "
    "instead. docs/how-to/admin.md explains how to remove it by hand."
)

STATES = {str(condition): "warning" for condition in Condition} | {
    str(Condition.RUNNING): "success",
    str(Condition.OFF): "info",
}


class SegmentInline(FactInline):
    """The newest segments of a feed."""

    model = Segment
    fields = ("first", "started", "rate", "epoch")
    readonly_fields = fields
    ordering = ("-first",)
    verbose_name_plural = "newest segments"

    @admin.display(description="started (UTC)")
    def started(self, segment: Segment) -> str:
        """Return the intended time of the first message."""
        return show.moment_us(segment.started_us)

    @admin.display(description="rate")
    def rate(self, segment: Segment) -> str:
        """Return messages per second."""
        return show.rate(segment.rate_milli / 1000)


@admin.register(Feed)
class FeedAdmin(ModelAdmin):
    """The list and pages of feeds, to add, change and view."""

    list_before_template = "admin/hint.html"
    empty = "Add one: a kind and a rate are enough."
    hint = (
        "Select feeds to start or pause them; open one to change its rate. "
        "A change takes effect within a second."
    )

    form = FeedForm
    list_display_links = ("name",)
    readonly_fields = ("examples", "promised", "preview", "received")
    fieldsets = (
        (None, {"fields": ("name", "kind", "spec", "examples", "seed", "rate", "enabled")}),
        ("What comes next", {"fields": ("promised", "preview", "received")}),
    )
    add_fieldsets = fieldsets[:1]  # a feed that is not saved yet has no next records
    # Listed here because Django would otherwise build the columns twice, each time with queries.
    sortable_by = ("name", "kind", "per_second", "enabled")
    actions = ("start", "pause")

    class Media:
        js = (Script("feeds/recipes.js", defer=True),)

    @offer("Start", "play_arrow", "change")
    def start(self, request: HttpRequest, queryset: QuerySet[Feed]) -> None:
        """Switch the selected feeds on."""
        self._switch(request, queryset, on=True)

    @offer("Pause", "pause", "change")
    def pause(self, request: HttpRequest, queryset: QuerySet[Feed]) -> None:
        """Switch the selected feeds off; their offsets continue later without a gap."""
        self._switch(request, queryset, on=False)

    def _switch(self, request: HttpRequest, feeds: QuerySet[Feed], *, on: bool) -> None:
        """Update only the switch: a generator updates the promise in the same row."""
        changed = list(feeds.filter(enabled=not on))
        Feed.objects.filter(pk__in=[feed.pk for feed in changed]).update(enabled=on)
        for feed in changed:
            self.log_change(request, feed, "Started." if on else "Paused.")
        names = ", ".join(feed.name for feed in changed)
        if not changed:
            messages.warning(request, f"Nothing to do: already {'started' if on else 'paused'}.")
        elif on:
            text = (
                f"Started: {names}. A running generator picks them up within a second; if none is "
            )
            messages.success(request, text + "running, start one: python manage.py generate")
        else:
            text = f"Paused: {names}. Messages already promised are still sent, for up to 1 s."
            messages.success(request, text)

    def get_list_display(self, request: HttpRequest) -> tuple[str | Callable[[Feed], Any], ...]:
        """Return the columns; one query of all feeds serves all rows."""
        summary_of = {feed.name: feed for feed in summaries(time.time_ns() // 1000)}

        @display(description="state", label=STATES)  # type: ignore[untyped-decorator]
        def state(feed: Feed) -> str | None:
            summary = summary_of.get(feed.name)
            return show.state(summary) if summary else None

        @admin.display(description="head")
        def head(feed: Feed) -> str:
            summary = summary_of.get(feed.name)
            return f"{summary.head:,}" if summary else "0"

        return ("name", "kind", "per_second", state, head, "enabled")

    def get_fieldsets(self, request: HttpRequest, obj: Feed | None = None) -> Any:
        """Return the fields; examples only if the user may edit the spec."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return [
            (title, {"fields": [name for name in options["fields"] if name != "examples"]})
            for title, options in fieldsets
        ]

    def get_inlines(
        self, request: HttpRequest, obj: Feed | None
    ) -> tuple[type[SegmentInline], ...]:
        """Return the inline of segments for a saved feed."""
        return () if obj is None else (SegmentInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Feed | None = None) -> tuple[str, ...]:
        """Return the read-only fields; a saved feed's name is one, since sessions refer to it."""
        return self.readonly_fields if obj is None else ("name", *self.readonly_fields)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the actions, without Django's bulk deletion, which fails if one feed has run."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for confirmation, or explain why the feed cannot be deleted."""
        feed = self.get_object(request, object_id)
        if feed is not None and self.has_view_permission(request) and feed.segments.exists():
            messages.error(request, KEPT.format(feed=feed.name))
            return HttpResponseRedirect(reverse("admin:feeds_feed_change", args=(feed.pk,)))
        response: HttpResponse = super().delete_view(request, object_id, extra_context)
        return response

    def has_delete_permission(self, request: HttpRequest, obj: Feed | None = None) -> bool:
        """Refuse to delete a feed that has ever run: its offsets must not start again."""
        if obj is not None and obj.segments.exists():
            return False
        return bool(super().has_delete_permission(request, obj))

    def save_model(
        self,
        request: HttpRequest,
        obj: Feed,
        form: FeedForm,
        change: bool,  # noqa: FBT001  # as Django calls it
    ) -> None:
        """
        Save only the edited fields.

        A running generator updates the promise in the same row. The form must not
        overwrite it with an old value.
        """
        if change:
            obj.save(update_fields=form.changed_data)
        else:
            obj.save()

    @admin.display(description="rate", ordering="rate")
    def per_second(self, feed: Feed) -> str:
        """Return messages per second."""
        return show.rate(float(feed.rate))

    @admin.display(description="examples of specs")
    def examples(self, feed: Feed) -> str:
        """Return examples of specs."""
        return recipes()

    @admin.display(description="received by")
    def received(self, feed: Feed) -> str:
        """Return links to the feed's sessions and reports."""
        return leads(
            ("sessions", "clientsession", {"feed": feed.name}),
            ("block reports", "blockreport", {"feed": feed.name}),
        )

    @admin.display(description="next records")
    def preview(self, feed: Feed) -> str:
        """Return the records after the promise, or the error if there are none."""
        first = feed.promised + 1
        try:
            source = regeneration.source_of(segments.recipe_of(feed))
            records = [json.loads(text) for text in source.records(first, PREVIEWED)]
        except SpecError as error:
            return str(error)
        lines = [
            (offset, json.dumps(record, ensure_ascii=False))
            for offset, record in enumerate(records, first)
        ]
        return render_to_string("admin/feed_preview.html", {"lines": lines})
