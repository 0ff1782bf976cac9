"""Rows as clients leave them, and the admin's pages about them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.test import Client
from django.urls import reverse

from feeds.models import BlockReport, ClientSession

NOW = datetime(2026, 11, 21, 9, 30, 15, tzinfo=UTC)


def connect(name: str, *, feeds: str = "users", block_size: int = 3) -> ClientSession:
    """Store a session of the client called *name*."""
    return ClientSession.objects.create(
        key=f"{len(name)}k-{name}-{feeds.replace(' ', '-')}-a-secret-that-nobody-may-see"[:64],
        client=name,
        feeds=feeds,
        block_size=block_size,
        created_at=NOW,
        connected_at=NOW,
        seen_at=NOW,
    )


def report(session: ClientSession, number: int, **changes: Any) -> BlockReport:
    """Store a block report of *session*."""
    fields = {
        "text": f"Client {session.client} received {number} block in 4.002 s time",
        "size": session.block_size,
        "seconds": 4.002,
        "ranges": {
            feed: {
                "epoch": "0123456789ab",
                "first": 41,
                "last": 43,
                "count": 3,
                "gaps": 0,
                "duplicates": 0,
            }
            for feed in session.feeds.split()
        },
        "clients": 1,
        "received_at": NOW,
    }
    return BlockReport.objects.create(session=session, number=number, **{**fields, **changes})


def listed(browser: Client, model: str, **query: str) -> list[Any]:
    """Return the rows that the list of *model* shows."""
    response = browser.get(reverse(f"admin:feeds_{model}_changelist"), query)
    assert response.status_code == 200, response
    return list(response.context["cl"].result_list)


def shown(client: Client, row: Any) -> str:
    """Return the page of *row*."""
    response = client.get(
        reverse(f"admin:feeds_{type(row)._meta.model_name}_change", args=(row.pk,))
    )
    assert response.status_code == 200
    return str(response.content.decode())
