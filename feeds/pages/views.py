"""The views outside the admin, for people and for the page's script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import ParamSpec

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from clientapp.figures.summary import RULE
from feeds.pages.away import OWN_FILES_ONLY, no_answer
from feeds.pages.cards import Card, client_card, message_card
from feeds.pages.examples import examples
from feeds.pages.guard import page_token
from feeds.pages.overview import drawn, overview, watched
from feeds.running.database import is_unavailable

P = ParamSpec("P")


def own_files_only(view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Restrict a page to files of this server, by Content-Security-Policy."""

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(*args, **kwargs)
        response["Content-Security-Policy"] = OWN_FILES_ONLY
        return response

    return wrapped


@require_safe
@never_cache
@own_files_only
def page(request: HttpRequest) -> HttpResponse:
    """Show the feeds, the connected clients, and how to connect."""
    scheme = "wss" if request.is_secure() else "ws"
    address = f"{scheme}://{request.get_host()}{reverse('page')}"
    now, end = overview(), watched(request.GET.get("watch", ""))
    context = {
        "overview": now,
        "watched": end,
        "card": next((feed for feed in now.feeds if feed.name == end.feed), None),
        "address": address,
        "examples": examples(address),
        "figures_rule": RULE,
        "token": page_token(),
    }
    return render(request, "page.html", context)


@require_safe
@never_cache
@own_files_only
def status(request: HttpRequest) -> HttpResponse:
    """Return the page's current values, for its script."""
    try:
        values = asdict(overview()) | {"watched": asdict(watched(request.GET.get("watch", "")))}
        lines = drawn(request.GET.get("drawn", ""))
    except Exception as error:
        if not is_unavailable(error):
            raise
        return JsonResponse({"trouble": no_answer(error)}, status=503)
    return JsonResponse(values | {"sparklines": lines and asdict(lines)})


@require_safe
@never_cache
@own_files_only
def message(request: HttpRequest) -> HttpResponse:
    """Show one message in full."""
    found = message_card(request.GET.get("feed", ""), request.GET.get("offset", ""))
    return _card(request, found, "This message is not due yet, or cannot be regenerated here.")


@require_safe
@never_cache
@own_files_only
def client(request: HttpRequest) -> HttpResponse:
    """Show the facts about one client; staff get a link to its session."""
    is_staff = request.user.has_perm("feeds.view_clientsession") and request.user.is_staff
    found = client_card(request.GET.get("id", ""), is_staff=is_staff)
    return _card(request, found, "This client is no longer connected.")


def _card(request: HttpRequest, card: Card | None, nothing: str) -> HttpResponse:
    context = {"card": card, "nothing": nothing}
    return render(request, "card.html", context, status=200 if card else 404)


@own_files_only
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Show the page for unknown addresses."""
    return render(request, "404.html", status=404)
