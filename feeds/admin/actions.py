"""Actions on sessions, in the list and on the page of one session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from unfold.decorators import action

from feeds.admin.operations import MOST_SESSIONS, OPERATIONS
from feeds.admin.read_only import FactAdmin
from feeds.models import ClientSession

Lead = TypeVar("Lead", bound=Callable[..., HttpResponse | None])


def offer(name: str, icon: str, permission: str = "operate") -> Callable[[Lead], Lead]:
    """Name an action, and show it to users with *permission*."""
    decorator: Callable[[Lead], Lead] = action(
        description=name, icon=icon, permissions=(permission,)
    )
    return decorator


class OperableAdmin(FactAdmin):
    """The actions of the session pages, for users with the permission."""

    actions = ("disconnect", "notify", "forget")
    actions_detail = ("disconnect_one", "notify_one", "forget_one")
    list_disable_select_all = True

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may disconnect sessions and send notices."""
        return bool(request.user.has_perm("feeds.change_clientsession"))

    def has_forget_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may remove ended sessions."""
        wanted = ("feeds.change_clientsession", "feeds.delete_clientsession")
        return bool(request.user.has_perms(wanted))

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        """Return the actions that apply to the session in its current state."""
        offered = super().get_actions_detail(request, object_id)
        session = self.get_object(request, str(object_id))
        if session is None:
            return []
        is_connected = session.connections.filter(closed_at=None).exists()
        is_online = session.status == ClientSession.Status.ONLINE
        fitting = {"forget_one": not is_online}
        return [one for one in offered if fitting.get(one.path, is_connected)]

    def get_urls(self) -> list[Any]:
        """Return the URLs, with the operations before the pages of single sessions."""
        own = [
            path(
                f"{view.name}/",
                self.admin_site.admin_view(view.as_view(model_admin=self)),
                name=f"feeds_clientsession_{view.name}",
            )
            for view in OPERATIONS
        ]
        return [*own, *super().get_urls()]

    @offer("Disconnect", "link_off")
    def disconnect(self, request: HttpRequest, queryset: QuerySet[ClientSession]) -> HttpResponse:
        """Redirect to the page that disconnects."""
        return _lead("disconnect", request, queryset)

    @offer("Send a notice", "campaign")
    def notify(self, request: HttpRequest, queryset: QuerySet[ClientSession]) -> HttpResponse:
        """Redirect to the page that sends a notice."""
        return _lead("notice", request, queryset)

    @offer("Forget", "delete", "forget")
    def forget(self, request: HttpRequest, queryset: QuerySet[ClientSession]) -> HttpResponse:
        """Redirect to the page that forgets."""
        return _lead("forget", request, queryset)

    @offer("Disconnect", "link_off")
    def disconnect_one(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Redirect to the page that disconnects this session."""
        return HttpResponseRedirect(_address("disconnect", {"id": object_id}))

    @offer("Send a notice", "campaign")
    def notify_one(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Redirect to the page that sends a notice to this session."""
        return HttpResponseRedirect(_address("notice", {"id": object_id}))

    @offer("Forget", "delete", "forget")
    def forget_one(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Redirect to the page that forgets this session."""
        return HttpResponseRedirect(_address("forget", {"id": object_id}))


def _lead(name: str, request: HttpRequest, sessions: QuerySet[ClientSession]) -> HttpResponse:
    keys = list(sessions.values_list("pk", flat=True)[: MOST_SESSIONS + 1])
    if len(keys) > MOST_SESSIONS:
        text = f"Select at most {MOST_SESSIONS} sessions; nothing was done."
        messages.error(request, text)
        return HttpResponseRedirect(request.get_full_path())
    return HttpResponseRedirect(_address(name, {"id": keys, "back": request.GET.urlencode()}))


def _address(name: str, asked: dict[str, Any]) -> str:
    return f"{reverse(f'admin:feeds_clientsession_{name}')}?{urlencode(asked, doseq=True)}"
