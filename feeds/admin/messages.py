"""The admin pages of client messages: any text outside the protocol."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html

from clientapp.wire.printable import printable
from feeds.admin.filters import ClientFilter, DayFilter
from feeds.admin.read_only import SessionFactAdmin
from feeds.models import ClientMessage

BREAKABLE = '<span class="client-text">{}</span>'

LONGEST_SHOWN = 200
"""Characters of a message in the list; its page shows the whole text."""


@admin.register(ClientMessage)
class ClientMessageAdmin(SessionFactAdmin):
    """The read-only list and pages of client messages."""

    empty = "Texts that clients send outside the protocol are kept here."
    list_display = ("received_at", "of_session", "start")
    list_filter = (ClientFilter, ("received_at", DayFilter))
    fields = ("received_at", "of_session", "whole")
    readonly_fields = ("of_session", "whole")

    @admin.display(description="text")
    def start(self, message: ClientMessage) -> str:
        """Return the start of the text in one line."""
        text = printable(message.text)
        shown = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
        return format_html(BREAKABLE, shown)

    @admin.display(description="text")
    def whole(self, message: ClientMessage) -> str:
        """Return the text in one line."""
        return format_html(BREAKABLE, printable(message.text))
