"""The pages outside the admin: what runs, for people and for the script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import ParamSpec

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from clientapp.figures.summary import RULE
from feeds.away import AWAY, OWN_FILES_ONLY, no_answer
from feeds.examples import examples
from feeds.overview import overview, watched

P = ParamSpec("P")


def own_files_only(view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Let the browser take nothing but this server's files into a page."""

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
    """Show what runs, who is connected, and how to connect."""
    scheme = "wss" if request.is_secure() else "ws"
    address = f"{scheme}://{request.get_host()}/"
    now, end = overview(), watched(request.GET.get("watch", ""))
    context = {
        "overview": now,
        "watched": end,
        "card": next((feed for feed in now.feeds if feed.name == end.feed), None),
        "address": address,
        "examples": examples(address),
        "figures_rule": RULE,
    }
    return render(request, "page.html", context)


@require_safe
@never_cache
@own_files_only
def status(request: HttpRequest) -> HttpResponse:
    """Answer what the page shows, for its script to keep it true."""
    try:
        values = asdict(overview()) | {"watched": asdict(watched(request.GET.get("watch", "")))}
    except AWAY as error:
        return JsonResponse({"trouble": no_answer(error)}, status=503)
    return JsonResponse(values)


@own_files_only
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is no such page."""
    return render(request, "404.html", status=404)
