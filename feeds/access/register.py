"""The stored tokens and bans."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from ipaddress import ip_network

from django.db.models import Count, Max

from feeds.access import tokens
from feeds.access.grant import Grant
from feeds.access.known import Known
from feeds.models import AccessToken, Ban

Sign = tuple[object, ...]
"""Values that change whenever a token is revoked, or a ban is added or removed."""


def look(before: Sign | None) -> tuple[Sign, Known | None]:
    """Return the present sign, and the revocations and bans; None if the sign is still *before*."""
    revoked = AccessToken.objects.filter(revoked_at__isnull=False)
    sign: Sign = (
        *revoked.aggregate(Count("pk"), Max("revoked_at")).values(),
        *Ban.objects.aggregate(Count("pk"), Max("pk")).values(),
    )
    if sign == before:
        return sign, None
    bans = list(Ban.objects.values_list("client", "address"))
    return sign, Known(
        revoked=frozenset(revoked.values_list("key", flat=True)),
        clients=frozenset(client for client, _ in bans if client),
        networks=tuple(ip_network(address) for _, address in bans if address),
    )


def issue(
    *,
    label: str,
    client: str = "",
    feeds: Sequence[str] = (),
    connections: int | None = None,
    expires_at: datetime | None = None,
    by: str = "",
) -> tuple[AccessToken, str]:
    """Store a token, issued by the user *by*; return its row and its text, which is not stored."""
    row = AccessToken.objects.create(
        key=secrets.token_hex(6),
        label=label,
        client=client,
        feeds=" ".join(feeds),
        connections=connections,
        created_at=datetime.now(UTC),
        created_by=by,
        expires_at=expires_at,
    )
    return row, tokens.sign(grant_of(row))


def grant_of(row: AccessToken) -> Grant:
    """Return the grant of a stored token."""
    return Grant(
        key=row.key,
        client=row.client,
        feeds=tuple(row.feeds.split()),
        connections=row.connections,
        expires=None if row.expires_at is None else int(row.expires_at.timestamp()),
    )


def revoke(keys: Iterable[str]) -> int:
    """Revoke the tokens with these *keys*, for good; return how many were valid."""
    rows = AccessToken.objects.filter(key__in=list(keys), revoked_at=None)
    return rows.update(revoked_at=datetime.now(UTC))
