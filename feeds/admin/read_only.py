"""The base classes of read-only pages, which stay fast for any number of rows."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import PaginationInlineFormSet
from unfold.views import ChangeList

from clientapp.wire import names
from feeds.admin.filters import of_sessions
from feeds.admin.paginator import MOST_COUNTED, CappedPaginator
from feeds.models import ClientSession

LINK = '<a class="text-primary-600 dark:text-primary-500 whitespace-nowrap" href="{}">{}</a>'

SEPARATOR = " · "

NEWEST = 20
"""The most rows of an inline; a session may have any number."""


def leads(*lists: tuple[str, str, dict[str, str]]) -> str:
    """Return links to filtered lists, each given as text, model and filters."""
    return format_html_join(
        SEPARATOR,
        LINK,
        (
            (f"{reverse(f'admin:feeds_{model}_changelist')}?{urlencode(asked)}", words)
            for words, model, asked in lists
        ),
    )


class ReadOnly:
    """Permissions that allow viewing only: no adding, changing or deleting."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False: facts come from clients."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False: a fact does not change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False: facts are not deleted by hand."""
        return False


class FactList(ChangeList):
    """A list that shows the number of filtered rows, without a second count."""

    queryset: QuerySet[Any]

    @property
    def is_sorted_by_hand(self) -> bool:
        """Whether the rows are sorted by a column without an index."""
        asked = self.get_ordering_field_columns()
        columns = [name for place, name in enumerate(self.list_display) if place in asked]
        return any(name in self.model_admin.sorted_by_hand for name in columns)

    def get_results(self, request: HttpRequest) -> None:
        """
        Read the page; unfiltered rows are not counted a second time.

        Sorting by a column without an index covers only the newest rows, as many
        as the pages show; otherwise each page would sort a million.
        """
        if self.is_sorted_by_hand:
            # One more than the pages show, so that the list can say there are more.
            newest = self.queryset.order_by(*self.lookup_opts.ordering)
            keys = newest.values("pk")[: MOST_COUNTED + 1]
            rows = self.root_queryset.filter(pk__in=keys).order_by(*self.queryset.query.order_by)
            self.queryset = rows.select_related(*self.model_admin.list_select_related)
        super().get_results(request)
        if not (self.query or self.has_active_filters):
            self.full_result_count = self.result_count


class FactAdmin(ReadOnly, ModelAdmin):
    """
    The list and page of one kind of fact.

    A subclass names its ``fields``, which must not include a session's key.
    """

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    list_per_page = 50
    list_max_show_all = 50
    list_filter_submit = True
    sorted_by_hand: tuple[str, ...] = ()
    """Columns without an index, by which only the newest rows are sorted."""
    actions: tuple[str, ...] | None = None
    search_fields = ("session",)
    search_help_text = "client, or start of a session key"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[FactList]:
        """Return the class of the list."""
        return FactList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """
        Tell whether the list's URL may contain *lookup*.

        A lookup by key would let a viewer guess the secret letter by letter.
        """
        if "key" in lookup.split("__"):
            return False
        return bool(super().lookup_allowed(lookup, value, request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """
        Find rows by the start of the client's name or of the session's key.

        If a term is longer than the printable prefix of a key, only its first characters, as
        many as the prefix has, are compared with keys.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        called = Q(client__istartswith=term)
        keyed = Q(key__startswith=names.key_prefix(term))
        return of_sessions(queryset, ClientSession.objects.filter(called | keyed)), False


class SessionFactAdmin(FactAdmin):
    """The list and page of facts that belong to a session."""

    list_select_related = ("session",)
    sorted_by_hand: tuple[str, ...] = ("of_session",)
    sortable_by: tuple[str, ...] = ("of_session", "received_at")

    @admin.display(description="session", ordering="session__client")
    def of_session(self, fact: Any) -> str:
        """Return the client and the printable part of the key, as a link."""
        address = reverse("admin:feeds_clientsession_change", args=(fact.session_id,))
        return format_html(LINK, address, fact.session)


class NewestFormSet(PaginationInlineFormSet):
    """The first `NEWEST` rows in the order of the inline."""

    def get_queryset(self) -> QuerySet[Any]:
        """Return the rows; the query runs once."""
        if not hasattr(self, "_newest"):
            self._newest: QuerySet[Any] = super().get_queryset()[:NEWEST]
        return self._newest


class FactInline(ReadOnly, TabularInline):
    """The newest facts of one kind that belong to the shown object."""

    formset = NewestFormSet
    extra = 0
    max_num = 0
    hide_title = True
