"""The admin pages of sessions."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import BigIntegerField, QuerySet
from django.db.models.functions import Coalesce
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.cache import never_cache

from clientapp.wire import names
from clientapp.wire.printable import printable
from feeds import show
from feeds.admin.actions import OperableAdmin
from feeds.admin.figures.course import course_charts, timeline
from feeds.admin.filters import BlockSizeFilter, ClientFilter, DayFilter, FeedFilter
from feeds.admin.read_only import LINK, FactInline, leads
from feeds.admin.reports import JUDGED, ReportColumns
from feeds.admin.rows import SEEN, cell, cells, with_lag
from feeds.models import BlockReport, ClientSession, Connection

ID = re.compile(r"[0-9]{1,18}")
"""A primary key that a database accepts."""
LAG_OR_AWAY = Coalesce("lag", -1, output_field=BigIntegerField())
"""The sort key for lag: sessions that are away sort as -1, in any database."""
UNBROKEN = '<span class="whitespace-nowrap">{}</span>'


class ConnectionInline(FactInline):
    """The newest sockets of a session."""

    model = Connection
    fields = (
        "peer",
        "server",
        "opened_at",
        "behind",
        "closed_at",
        "close_code",
        "why",
    )
    readonly_fields = fields
    ordering = ("-id",)
    verbose_name_plural = "newest connections"

    @admin.display(description="reason")
    def why(self, connection: Connection) -> str:
        """Return the close reason, which may come from the client."""
        return printable(connection.reason)


class ReportInline(ReportColumns, FactInline):
    """The newest blocks of a session."""

    model = BlockReport
    fields = ("link", "judged", "size", "took", "sentence", "received_at")
    readonly_fields = fields
    ordering = ("-number",)
    verbose_name_plural = "newest blocks"

    @admin.display(description="number")
    def link(self, report: BlockReport) -> str:
        """Return the number, as a link to the report."""
        address = reverse("admin:feeds_blockreport_change", args=(report.pk,))
        return format_html(LINK, address, self.numbered(report))

    @admin.display(description="verdict")
    def judged(self, report: BlockReport) -> str:
        """Return the verdict as text; an inline shows no labels."""
        return format_html(JUDGED, report.verdict, show.verdict(report))


@admin.register(ClientSession)
class ClientSessionAdmin(OperableAdmin):
    """The list and pages of sessions, with actions to disconnect, notify and forget."""

    list_before_template = "admin/hint.html"
    hint = (
        "Select up to 50 sessions to send them a notice, to disconnect them (their reports are "
        "kept), or to forget ended ones together with their reports."
    )

    empty = "A session begins when a client connects: python clientapp/client.py --feed=users"
    list_display = (
        "client",
        "state",
        "seen",
        "behind",
        "reconnects",
        "found",
        "names_of_feeds",
        "size_of_blocks",
        "connected_at",
        "key_prefix",
    )
    list_filter = (
        "status",
        ClientFilter,
        FeedFilter,
        BlockSizeFilter,
        ("connected_at", DayFilter),
    )
    fieldsets = (
        (None, {"fields": ("client", "status", "names_of_feeds", "size_of_blocks", "key_prefix")}),
        (
            "So far",
            {
                "fields": (
                    ("connected_at", "last_seen"),
                    ("created_at", "connects"),
                    ("blocks", "messages"),
                    ("checked", "damaged", "not_told"),
                )
            },
        ),
        ("Course", {"fields": ("connected", "newest_blocks", "more")}),
    )
    readonly_fields = (
        "names_of_feeds",
        "size_of_blocks",
        "key_prefix",
        "last_seen",
        "checked",
        "damaged",
        "not_told",
        "connected",
        "newest_blocks",
        "more",
    )
    sortable_by = (
        "client",
        "state",
        "seen",
        "behind",
        "reconnects",
        "names_of_feeds",
        "size_of_blocks",
        "connected_at",
    )
    inlines = (ReportInline, ConnectionInline)

    @admin.display(description="verified")
    def checked(self, session: ClientSession) -> str:
        """Return the number of verified blocks; for a plain client, the reason for having none."""
        if session.sentences and session.sentences == session.blocks:
            return f"- {show.NOT_CHECKED}"
        return f"{session.verified:,}"

    @admin.display(description="broken")
    def damaged(self, session: ClientSession) -> str:
        """Return the number of broken blocks, in red and as a link to them if there are any."""
        if not session.broken:
            return "0"
        asked = {
            "q": names.key_prefix(session.key),
            "verdict__exact": BlockReport.Verdict.BROKEN.value,
        }
        link = leads((f"{session.broken:,}: look at them", "blockreport", asked))
        return format_html(JUDGED, "broken", link)

    @admin.display(description="unverifiable")
    def not_told(self, session: ClientSession) -> str:
        """Return the number of unverifiable blocks, without the plain ones."""
        return f"{session.unverifiable - session.sentences:,}"

    @admin.display(description="connected and away")
    def connected(self, session: ClientSession) -> str:
        """Return the timeline of the session's connections."""
        return timeline(session, datetime.now(UTC))

    @admin.display(description="all its data")
    def more(self, session: ClientSession) -> str:
        """Return links to the session's reports and messages."""
        asked = {"q": names.key_prefix(session.key)}
        return leads(("block reports", "blockreport", asked), ("messages", "clientmessage", asked))

    @admin.display(description="newest blocks")
    def newest_blocks(self, session: ClientSession) -> str:
        """Return charts of the newest blocks."""
        return course_charts(session)

    class Media:
        css = {"all": ("feeds/sessions.css",)}  # noqa: RUF012  Django reads it as it is
        js = (Script("feeds/sessions.js", defer=True),)

    def get_urls(self) -> list[Any]:
        """Return the URLs, with the one for the live cells first."""
        rows = path(
            "rows.json",
            self.admin_site.admin_view(never_cache(self.rows)),
            name="feeds_clientsession_rows",
        )
        return [rows, *super().get_urls()]

    def rows(self, request: HttpRequest) -> HttpResponse:
        """Return the cells of the requested sessions, at most one page of them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        keys = [int(key) for key in request.GET.getlist("id") if ID.fullmatch(key)]
        asked = ClientSession.objects.filter(pk__in=keys[: self.list_per_page])
        now = datetime.now(UTC)
        return JsonResponse({str(row.pk): cells(row, now) for row in with_lag(asked)})

    @admin.display(description="feeds", ordering="feeds")
    def names_of_feeds(self, session: ClientSession) -> str:
        """Return the names of the feeds, in the order requested."""
        return ", ".join(session.feeds.split())

    @admin.display(description="block size", ordering="block_size")
    def size_of_blocks(self, session: ClientSession) -> str:
        """Return the messages per block, which a plain client need not declare."""
        return f"{session.block_size:,}" if session.block_size else show.UNKNOWN

    @admin.display(description="status", ordering="status")
    def state(self, session: ClientSession) -> str:
        """Return the status of the session."""
        return cell(session, "state", datetime.now(UTC))

    @admin.display(description="last seen", ordering=SEEN)
    def seen(self, session: ClientSession) -> str:
        """Return the time since the client was last seen; for an online client, that is now."""
        return cell(session, "seen", datetime.now(UTC))

    @admin.display(description="last seen")
    def last_seen(self, session: ClientSession) -> str:
        """Return when the client was last seen; for an online client, that is now."""
        is_online = session.status == ClientSession.Status.ONLINE
        return "now" if is_online else show.moment(session.seen_at)

    @admin.display(description="reconnects", ordering="connects")
    def reconnects(self, session: ClientSession) -> str:
        """Return the number of reconnects."""
        return cell(session, "reconnects", datetime.now(UTC))

    @admin.display(description="blocks")
    def found(self, session: ClientSession) -> str:
        """Return the number of blocks per verdict."""
        return cell(session, "found", datetime.now(UTC))

    @admin.display(description="session")
    def key_prefix(self, session: ClientSession) -> str:
        """Return the part of the key that may be shown."""
        return format_html(UNBROKEN, names.key_prefix(session.key))

    def get_queryset(self, request: HttpRequest) -> QuerySet[ClientSession]:
        """Return the sessions, each annotated with its lag."""
        return with_lag(super().get_queryset(request))

    @admin.display(description="lag", ordering=LAG_OR_AWAY)
    def behind(self, session: ClientSession) -> str:
        """Return the session's lag in messages; a dash if it is not connected."""
        return cell(session, "behind", datetime.now(UTC))
