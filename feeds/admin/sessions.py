"""The sessions: which client receives what, and since when."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from clientapp.wire import names
from clientapp.wire.printable import printable
from feeds.admin.actions import OperableAdmin
from feeds.admin.facts import LINK, FactInline
from feeds.admin.filters import BlockSizeFilter, ClientFilter, DayFilter, FeedFilter
from feeds.admin.reports import ReportColumns
from feeds.models import BlockReport, ClientSession, Connection

STATUSES = {
    ClientSession.Status.ONLINE: "success",
    ClientSession.Status.AWAY: "warning",
    ClientSession.Status.LEFT: "info",
}


UNBROKEN = '<span class="whitespace-nowrap">{}</span>'


class ConnectionInline(FactInline):
    """The newest sockets of a session."""

    model = Connection
    fields = (
        "peer",
        "server",
        "opened_at",
        "seen_at",
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
        """Return the reason of the close, which may be the client's words."""
        return printable(connection.reason)


class ReportInline(ReportColumns, FactInline):
    """The newest blocks of a session."""

    model = BlockReport
    fields = ("link", "found", "size", "took", "sentence", "received_at")
    readonly_fields = fields
    ordering = ("-number",)
    verbose_name_plural = "newest blocks"

    @admin.display(description="number")
    def link(self, report: BlockReport) -> str:
        """Return the number, as a link to the report."""
        address = reverse("admin:feeds_blockreport_change", args=(report.pk,))
        return format_html(LINK, address, report.number)


@admin.register(ClientSession)
class ClientSessionAdmin(OperableAdmin):
    """Sessions to look at, and to disconnect, tell and forget."""

    list_display = (
        "client",
        "state",
        "feeds",
        "block_size",
        "connected_at",
        "blocks",
        "broken",
        "behind",
        "seen_at",
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
        (None, {"fields": ("client", "status", "feeds", "block_size", "key_prefix")}),
        (
            "So far",
            {
                "fields": (
                    ("connected_at", "seen_at"),
                    ("created_at", "connects"),
                    ("blocks", "messages"),
                    ("verified", "broken", "unverifiable"),
                )
            },
        ),
    )
    readonly_fields = ("key_prefix",)
    sortable_by = (
        "client",
        "state",
        "feeds",
        "block_size",
        "connected_at",
        "blocks",
        "broken",
        "seen_at",
    )
    inlines = (ReportInline, ConnectionInline)

    @display(description="status", ordering="status", label=STATUSES)  # type: ignore[untyped-decorator]
    def state(self, session: ClientSession) -> tuple[str, str]:
        """Return the status, and how to say it."""
        return session.status, session.get_status_display()

    @admin.display(description="session")
    def key_prefix(self, session: ClientSession) -> str:
        """Return the part of the key that may be shown."""
        return format_html(UNBROKEN, names.key_prefix(session.key))

    def get_queryset(self, request: HttpRequest) -> QuerySet[ClientSession]:
        """Return the sessions, each with how far its connection is behind."""
        connections = Connection.objects.filter(session=OuterRef("pk"), closed_at=None)
        newest = connections.order_by("-id").values("behind")[:1]
        sessions: QuerySet[ClientSession] = super().get_queryset(request)
        return sessions.annotate(lag=Subquery(newest))

    @admin.display(description="behind")
    def behind(self, session: Any) -> str:
        """Return how many messages the session lacks; nothing where it is away."""
        return "-" if session.lag is None else f"{session.lag:,}"
