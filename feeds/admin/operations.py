"""
What an operator does to sessions: disconnect them, tell them, forget them.

The list and the page of a session lead to one page per operation. It says
which of the chosen sessions it will reach and what will come of it, and does
it when that is confirmed; whatever keeps it from doing so is one sentence.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import OperationalError, transaction
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

MOST_SESSIONS = 50
"""Of one operation: as many as a page of the list shows, so somebody has seen them."""


class OperationView(UnfoldModelAdminViewMixin, FormView):  # type: ignore[type-arg]  # none at run time
    """The page of one operation on the sessions that its address names."""

    form_class = Form
    template_name = "admin/operation.html"
    permission_required: ClassVar[tuple[str, ...]] = ("feeds.change_clientsession",)
    name: ClassVar[str]
    """In addresses."""
    about: ClassVar[str]
    """What will come of it."""
    button: ClassVar[str]
    none: ClassVar[str]
    """What to say where no chosen session can be reached by it."""

    def sessions(self) -> QuerySet[ClientSession]:
        """Return those of the chosen sessions that the operation is for."""
        raise NotImplementedError

    def operate(self, sessions: list[ClientSession], wanted: dict[str, Any]) -> str:
        """Do it, as the form says; return what was done, as a sentence."""
        raise NotImplementedError

    def chosen(self) -> QuerySet[ClientSession]:
        """Return the sessions that the address names, `MOST_SESSIONS` at most."""
        keys = [key for key in self.request.GET.getlist("id") if key.isdecimal()]
        few = [int(key) for key in keys[:MOST_SESSIONS] if len(key) < 19]
        return ClientSession.objects.filter(pk__in=few)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return what the page shows."""
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
        """Do it, and say on the page one comes back to what was done, or what kept it."""
        sessions = list(self.sessions())
        try:
            if sessions:
                messages.success(self.request, self.operate(sessions, form.cleaned_data))
            else:
                messages.error(self.request, self.none)
        except LayerUnavailable as error:
            messages.error(self.request, f"Nothing was done: {error}. Try again in a moment.")
        except OperationalError as error:
            messages.error(self.request, f"Nothing was done: the database is busy ({error}).")
        return HttpResponseRedirect(self._back())

    def log(self, sessions: list[ClientSession], what: str) -> None:
        """Keep in the admin's own log who did *what* to which session."""
        LogEntry.objects.log_actions(
            cast("User", self.request.user).pk, sessions, CHANGE, change_message=what
        )

    def _back(self) -> str:
        """Return where one came from: the list, as it was filtered, or the session's page."""
        asked = self.request.GET
        chosen = list(self.chosen()[:2])
        if "back" not in asked and len(chosen) == 1:
            return reverse("admin:feeds_clientsession_change", args=(chosen[0].pk,))
        return f"{reverse('admin:feeds_clientsession_changelist')}?{asked.get('back', '')}"


class DisconnectView(OperationView):
    """Ends connections, with a farewell."""

    title = "Disconnect clients"
    name = "disconnect"
    about = (
        "Each client gets a farewell that says why, its connection is closed with code 4503, and "
        "it does not come back by itself. What it reported stays. A person can start it again."
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
        return f"{_named(sessions)} told to leave."


class NoticeView(OperationView):
    """Says a sentence to the people at clients."""

    title = "Send a notice"
    form_class = NoticeForm
    name = "notice"
    about = "Each client prints it at once. One that is behind its feeds does not get it."
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
    """Removes sessions that are over, with all that they reported."""

    title = "Forget sessions"
    permission_required = ("feeds.change_clientsession", "feeds.delete_clientsession")
    name = "forget"
    about = (
        "The session is removed with its block reports, connections and messages, and that cannot "
        "be undone. A client that comes back with its log reports all of its blocks again."
    )
    button = "Forget"
    none = "Nothing was removed: a session that is online is disconnected first."

    def sessions(self) -> QuerySet[ClientSession]:
        """Return the sessions that are away or left."""
        return self.chosen().exclude(status=ClientSession.Status.ONLINE)

    def operate(self, sessions: list[ClientSession], wanted: dict[str, Any]) -> str:
        """Remove *sessions*, unless they came back just now."""
        with transaction.atomic():
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
