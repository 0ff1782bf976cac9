"""The views of the dashboard: the admin's first page and its figures as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from feeds.admin.figures.dashboard import Dashboard, Rights, dashboard
from feeds.admin.figures.history import HOUR, SPANS


def callback(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the context of the first page; unfold calls this."""
    return {**context, "title": "Dashboard", "dashboard": _asked(request)}


@require_safe
@never_cache
def figures(request: HttpRequest) -> HttpResponse:
    """Return the page's figures, for its script; 403 unless signed in."""
    if not (request.user.is_active and request.user.is_staff):
        return JsonResponse({"error": "sign in to the admin"}, status=403)
    return JsonResponse(asdict(_asked(request)))


def _asked(request: HttpRequest) -> Dashboard:
    """Return the page for the span and the feed that the address names."""
    span = SPANS.get(request.GET.get("span", ""), HOUR)
    return dashboard(_rights(request), span, request.GET.get("feed", ""))


def _rights(request: HttpRequest) -> Rights:
    def may_view(model: str) -> bool:
        user = request.user
        return user.has_perm(f"feeds.view_{model}") or user.has_perm(f"feeds.change_{model}")

    return Rights(
        feeds=may_view("feed"),
        sessions=may_view("clientsession"),
        reports=may_view("blockreport"),
    )
