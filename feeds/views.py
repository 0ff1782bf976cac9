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

from feeds.examples import examples
from feeds.overview import overview

OWN_FILES_ONLY = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'"
)
"""The Content-Security-Policy of these pages; the admin's scripts need more."""

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
    context = {"overview": overview(), "address": address, "examples": examples(address)}
    return render(request, "page.html", context)


@require_safe
@never_cache
@own_files_only
def status(_request: HttpRequest) -> HttpResponse:
    """Answer what the page shows, for its script to keep it true."""
    return JsonResponse(asdict(overview()))


@own_files_only
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is no such page."""
    return render(request, "404.html", status=404)
