"""The sidebar of the admin."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

GROUPS = (
    (
        "Now",
        (
            ("Feeds", "feeds", "feed", "rss_feed"),
            ("Sessions", "feeds", "clientsession", "cable"),
        ),
    ),
    (
        "Received",
        (
            ("Block reports", "feeds", "blockreport", "receipt_long"),
            ("Client messages", "feeds", "clientmessage", "chat"),
        ),
    ),
    (
        "Access",
        (
            ("Users", "auth", "user", "person"),
            ("Groups", "auth", "group", "group"),
        ),
    ),
)
"""Per group its title and its items: title, app, model, icon."""


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of links to the pages that the user may view."""
    groups: list[dict[str, Any]] = []
    for group, items in GROUPS:
        shown = [
            {"title": title, "icon": icon, "link": reverse(f"admin:{app}_{model}_changelist")}
            for title, app, model, icon in items
            if request.user.has_perm(f"{app}.view_{model}")
            or request.user.has_perm(f"{app}.change_{model}")
        ]
        if shown:
            groups.append({"title": group, "separator": bool(groups), "items": shown})
    return groups
