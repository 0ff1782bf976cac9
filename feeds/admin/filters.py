"""
Filters of the lists, each supported by an index.

The choices of a filter come from the newest rows, read in one query for all
filters of a page. Other values can be given in the URL or found by searching.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Concat, Length
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter
from unfold.utils import parse_date_str

from clientapp.wire.printable import printable
from feeds.models import BlockReport, ClientSession

MOST_READ = 2000
"""The number of newest rows whose values are offered as choices."""
MOST_OFFERED = 100
"""The most choices of one filter; nobody reads a longer list."""
NOTHING = ("", "none stored")
FEW = 200
"""The most sessions whose rows are found by index."""


def of_sessions(rows: QuerySet[Any], sessions: QuerySet[ClientSession]) -> QuerySet[Any]:
    """
    Return those of *rows* that are, or belong to, one of *sessions*.

    For few sessions the rows are found by index. Many sessions would match most
    of the table; then checking the newest rows one by one fills a page sooner.
    """
    if rows.model is ClientSession:
        return rows.filter(pk__in=sessions)
    few = list(sessions.order_by().values_list("pk", flat=True)[: FEW + 1])
    if len(few) <= FEW:
        return rows.filter(session__in=few)
    return rows.filter(Exists(sessions.filter(pk=OuterRef("session"))))


def receiving(feed: str) -> QuerySet[ClientSession]:
    """Return the sessions that receive *feed*."""
    names = Concat(Value(" "), "feeds", Value(" "))
    return ClientSession.objects.alias(names=names).filter(names__contains=f" {feed} ")


def receiving_exactly(feeds: str) -> QuerySet[ClientSession]:
    """Return the sessions that receive exactly *feeds*, space-separated, in any order."""
    sessions = ClientSession.objects.alias(length=Length("feeds")).filter(length=len(feeds))
    for name in feeds.split():
        sessions = sessions.filter(pk__in=receiving(name))
    return sessions


def labelled(reports: QuerySet[BlockReport], label: str) -> QuerySet[BlockReport]:
    """Return the reports of the experiment called *label*."""
    # SQLite uses the partial index on labelled reports only if the query repeats its condition.
    return reports.filter(label=label).exclude(label="")


def in_days(rows: QuerySet[Any], name: str, first: date | None, last: date | None) -> QuerySet[Any]:
    """Return those of *rows* whose time *name* is from day *first* to day *last*."""
    if first is not None:
        rows = rows.filter(**{f"{name}__gte": _midnight(first)})
    if last is not None:
        rows = rows.filter(**{f"{name}__lt": _midnight(last + timedelta(days=1))})
    return rows


class OfferedFilter(ABC, DropdownFilter):
    """A filter that offers the values of the newest rows, and the current one."""

    title: ClassVar[str]
    parameter_name: ClassVar[str]

    @abstractmethod
    def offered(self, request: HttpRequest) -> Iterable[str]:
        """Return values to choose from, newest first."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices, sorted; at least one, or Django omits the filter."""
        asked = (self.value() or "").strip()
        values = [*dict.fromkeys(self.offered(request))][:MOST_OFFERED]
        if asked and asked not in values:
            values.append(asked)
        ordered = sorted(values, key=int if all(map(str.isdecimal, values)) else str)
        return [(value, printable(value)) for value in ordered] or [NOTHING]


class SessionFilter(OfferedFilter):
    """A filter by a property of the session; rows are sessions or belong to one."""

    @abstractmethod
    def sessions(self, text: str) -> QuerySet[ClientSession]:
        """Return the sessions that match *text*."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of matching sessions; all rows if there is no value."""
        text = (self.value() or "").strip()
        if not text:
            return queryset
        return of_sessions(queryset, self.sessions(text))


class ClientFilter(SessionFilter):
    """A filter by the whole name of the client."""

    title = "client"
    parameter_name = "client"

    def offered(self, request: HttpRequest) -> Iterable[str]:
        """Return the clients of the newest sessions."""
        return (client for client, _, _ in _newest_sessions(request))

    def sessions(self, text: str) -> QuerySet[ClientSession]:
        """Return the sessions of the client called *text*."""
        return ClientSession.objects.filter(client=text)


class FeedFilter(SessionFilter):
    """A filter by the name of one of the session's feeds."""

    title = "feed"
    parameter_name = "feed"

    def offered(self, request: HttpRequest) -> Iterable[str]:
        """Return the feeds of the newest sessions."""
        return (name for _, feeds, _ in _newest_sessions(request) for name in feeds.split())

    def sessions(self, text: str) -> QuerySet[ClientSession]:
        """Return the sessions that receive the feed called *text*."""
        return receiving(text)


class BlockSizeFilter(SessionFilter):
    """A filter by the block size the client requested."""

    title = "block size"
    parameter_name = "block_size"

    def offered(self, request: HttpRequest) -> Iterable[str]:
        """Return the block sizes of the newest sessions, without 0 (not declared)."""
        return (f"{size}" for _, _, size in _newest_sessions(request) if size)

    def sessions(self, text: str) -> QuerySet[ClientSession]:
        """Return the sessions with that block size; none if *text* is not a number."""
        if not text.isdecimal():
            return ClientSession.objects.none()
        return ClientSession.objects.filter(block_size=min(int(text), 2**31 - 1))


class LabelFilter(OfferedFilter):
    """A filter by the whole label of the experiment."""

    title = "label"
    parameter_name = "label"

    def offered(self, request: HttpRequest) -> Iterable[str]:
        """Return the labels of the newest reports."""
        newest = BlockReport.objects.order_by("-received_at", "-id")
        return (label for label in newest.values_list("label", flat=True)[:MOST_READ] if label)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the reports with that label; all reports if there is no value."""
        label = (self.value() or "").strip()
        return labelled(queryset, label) if label else queryset


class DayFilter(RangeDateFilter):
    """A filter by whole days in the server's time zone, first and last included."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen days; invalid dates are ignored."""
        name = self.parameter_name
        first = parse_date_str(self.used_parameters.get(f"{name}_from"))
        last = parse_date_str(self.used_parameters.get(f"{name}_to"))
        return in_days(queryset, name, first, last)


def _newest_sessions(request: HttpRequest) -> list[tuple[str, str, int]]:
    """Return client, feeds and block size of the newest sessions, read once per request."""
    if not hasattr(request, "newest_sessions"):
        newest = ClientSession.objects.order_by("-connected_at", "-id")
        rows = list(newest.values_list("client", "feeds", "block_size")[:MOST_READ])
        request.newest_sessions = rows  # type: ignore[attr-defined]  # ours
    found: list[tuple[str, str, int]] = request.newest_sessions  # type: ignore[attr-defined]
    return found


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
