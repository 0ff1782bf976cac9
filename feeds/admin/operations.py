"""
The operations on sessions: disconnect them, send a notice, forget them.

The list and the page of a session link to one page per operation. The page
lists the selected sessions it applies to, explains its effect, and runs it
once confirmed. A failure is reported as one sentence.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, cast

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.generic import FormView
from unfold.views import UnfoldModelAdminViewMixin

from feeds.admin.forms import NoticeForm
from feeds.layer import operator_messages
from feeds.layer.link import LayerUnavailable
from feeds.models import ClientSession, Connection
from feeds.running.database import is_unavailable
from feeds.storing.locks import lock_sessions

MOST_SESSIONS = 50
"""The most sessions in one operation: as many as a page of the list shows to the user."""


class OperationView(ABC, UnfoldModelAdminViewMixin, FormView):  # type: ignore[type-arg]  # none at run time
    """The page of one operation on the sessions named in its URL."""

    form_class = Form
    template_name = "admin/operation.html"
    permission_required: ClassVar[tuple[str, ...]] = ("feeds.change_clientsession",)
    name: ClassVar[str]
    """The name in URLs."""
    about: ClassVar[str]
    """The effect of the operation, in words."""
    button: ClassVar[str]
    none: ClassVar[str]
    """The message if the operation applies to none of the selected sessions."""

    @abstractmethod
    def sessions(self) -> QuerySet[ClientSession]:
        """Return those of the selected sessions to which the operation applies."""

    @abstractmethod
    def operate(self, sessions: list[ClientSession], wanted: dict[str, Any]) -> str:
        """Run the operation with the form's values; return a sentence for the user."""

    def chosen(self) -> QuerySet[ClientSession]:
        """Return the sessions named in the URL, at most `MOST_SESSIONS`."""
        keys = [key for key in self.request.GET.getlist("id") if key.isdecimal()]
        few = [int(key) for key in keys[:MOST_SESSIONS] if len(key) < 19]
        return ClientSession.objects.filter(pk__in=few)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the context of the page."""
        reached = list(self.sessions())
        return super().get_context_data(
            **kwargs,
            about=self.about,
            button=self.button,
            none=self.none,
            reached=reached,
            left_out=list(self.chosen().exclude(pk__in=[session.pk for session in reached])),
            back=self._back(),
        )

    def form_valid(self, form: Form) -> HttpResponse:
        """Run the operation, return to the page before, and show the result or the error."""
        sessions = list(self.sessions())
        try:
            if sessions:
                messages.success(self.request, self.operate(sessions, form.cleaned_data))
            else:
                messages.error(self.request, self.none)
        except LayerUnavailable as error:
            messages.error(self.request, f"Nothing was done: {error}. Try again in a moment.")
        except Exception as error:
            if not is_unavailable(error):
                raise
            messages.error(self.request, f"Nothing was done: the database is busy ({error}).")
        return HttpResponseRedirect(self._back())

    def log(self, sessions: list[ClientSession], what: str) -> None:
        """Record *what* the user did to *sessions* in the admin's log."""
        LogEntry.objects.log_actions(
            cast("User", self.request.user).pk, sessions, CHANGE, change_message=what
        )

    def _back(self) -> str:
        """Return the previous page: the list with its filters, or the session's page."""
        asked = self.request.GET
        chosen = list(self.chosen()[:2])
        if "back" not in asked and len(chosen) == 1:
            return reverse("admin:feeds_clientsession_change", args=(chosen[0].pk,))
        return f"{reverse('admin:feeds_clientsession_changelist')}?{asked.get('back', '')}"


class DisconnectView(OperationView):
    """The operation that closes connections, with a farewell."""

    title = "Disconnect clients"
    name = "disconnect"
    about = (
        "Each client is told why, and its connection is closed with code 4503. It does not "
        "reconnect by itself, but a person can start it again. Its reports are kept."
    )
    button = "Disconnect"
    none = "Nothing was done: none of these sessions is connected."

    def sessions(self) -> QuerySet[ClientSession]:
        """Return the sessions with an open connection."""
        return connected(self.chosen())

    def operate(self, sessions: list[ClientSession], wanted: dict[str, Any]) -> str:
        """Tell the consumers of *sessions* to end."""
        async_to_sync(operator_messages.disconnect)(channels_of(sessions))
        self.log(sessions, "Disconnected.")
        return f"{_named(sessions)} told to disconnect."


class NoticeView(OperationView):
    """The operation that sends a notice to the people at clients."""

    title = "Send a notice"
    form_class = NoticeForm
    name = "notice"
    about = "Each client prints it at once. Clients that are behind their feeds do not get it."
    button = "Send"
    none = "Nothing was sent: none of these sessions is connected."

    def sessions(self) -> QuerySet[ClientSession]:
        """Return the sessions with an open connection."""
        return connected(self.chosen())

    def operate(self, sessions: list[ClientSession], wanted: dict[str, Any]) -> str:
        """Send the text of the form."""
        async_to_sync(operator_messages.notify)(channels_of(sessions), wanted["text"])
        self.log(sessions, f"Notice sent: {wanted['text']}")
        return f"{_named(sessions)} sent the notice."


class ForgetView(OperationView):
    """The operation that removes ended sessions and all their data."""

    title = "Forget sessions"
    permission_required = ("feeds.change_clientsession", "feeds.delete_clientsession")
    name = "forget"
    about = (
        "Each session is removed with its block reports, connections and messages. This cannot be "
        "undone. A client that returns with its log reports all of its blocks again."
    )
    button = "Forget"
    none = "Nothing was removed: these sessions are still online. Disconnect them first."

    def sessions(self) -> QuerySet[ClientSession]:
        """Return the sessions that are not online."""
        return self.chosen().exclude(status=ClientSession.Status.ONLINE)

    def operate(self, sessions: list[ClientSession], wanted: dict[str, Any]) -> str:
        """Remove *sessions*, except any that have just reconnected."""
        with transaction.atomic():
            lock_sessions(session.pk for session in sessions)
            away = list(self.sessions().filter(pk__in=[session.pk for session in sessions]))
            self.log(away, "Forgotten.")
            ClientSession.objects.filter(pk__in=[session.pk for session in away]).delete()
        return f"{_named(away)} forgotten." if away else self.none


OPERATIONS = (DisconnectView, NoticeView, ForgetView)


def connected(sessions: QuerySet[ClientSession]) -> QuerySet[ClientSession]:
    """Return those of *sessions* that have an open connection."""
    return sessions.filter(connections__closed_at=None, connections__isnull=False).distinct()


def channels_of(sessions: list[ClientSession]) -> list[str]:
    """Return the channel names of the open connections of *sessions*."""
    rows = Connection.objects.filter(session__in=sessions, closed_at=None)
    return list(rows.values_list("channel", flat=True))


def _named(sessions: list[ClientSession]) -> str:
    if len(sessions) == 1:
        return f"{sessions[0]} was"
    return f"{len(sessions)} clients were"
