"""The sidebar of the admin."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from feeds.running.outages import OUTAGES

GROUPS = (
    (
        "Now",
        (
            ("Feeds", "feeds", "feed", "changelist", "rss_feed"),
            ("Sessions", "feeds", "clientsession", "changelist", "cable"),
        ),
    ),
    (
        "Received",
        (
            ("Block reports", "feeds", "blockreport", "changelist", "receipt_long"),
            ("Analysis", "feeds", "blockreport", "analysis", "monitoring"),
            ("Client messages", "feeds", "clientmessage", "changelist", "chat"),
        ),
    ),
    (
        "Access",
        (
            ("Users", "auth", "user", "changelist", "person"),
            ("Groups", "auth", "group", "changelist", "group"),
        ),
    ),
)
"""The title and items of each group; an item is title, app, model, page, icon."""


def trouble(request: HttpRequest) -> list[str] | None:
    """Return the current outages as the admin's label; None if there are none."""
    # Users who are not signed in see the label too, on the sign-in page.
    sentences = OUTAGES.sentences(detailed=settings.DEBUG or request.user.is_staff)
    return [" ".join(sentences), "warning"] if sentences else None


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of links to the pages that the user may view."""
    home = {"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [{"separator": False, "items": [home]}]
    for group, items in GROUPS:
        shown = [
            {"title": title, "icon": icon, "link": reverse(f"admin:{app}_{model}_{page}")}
            for title, app, model, page, icon in items
            if request.user.has_perm(f"{app}.view_{model}")
            or request.user.has_perm(f"{app}.change_{model}")
        ]
        if shown:
            groups.append({"title": group, "separator": bool(groups), "items": shown})
    _mark_the_page_shown(request, [item for group in groups for item in group["items"]])
    return groups


def _mark_the_page_shown(request: HttpRequest, items: list[dict[str, Any]]) -> None:
    """Mark the longest matching link only: one page's URL may begin with another's."""
    around = [item["link"] for item in items if request.path.startswith(item["link"])]
    for item in items:
        item["active"] = bool(around) and item["link"] == max(around, key=len)
