"""The rows of clients' texts: a limited number per session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from feeds.core.limits import LIMITS
from feeds.models import ClientMessage
from feeds.storing.facts import Said


def store(ids: Mapping[str, int], said: Sequence[Said], most: int = LIMITS.session_texts) -> None:
    """
    Store the new texts of *said*; a session sends at most one per microsecond.

    Of each session, the newest *most* are kept. *ids* has the row of each session.
    """
    if not said:
        return
    same_time = ClientMessage.objects.filter(received_at__in={fact.at for fact in said})
    stored = set(same_time.values_list("session_id", "received_at", "text"))
    texts = [(ids[fact.session], fact.at, fact.text) for fact in said]
    ClientMessage.objects.bulk_create(
        ClientMessage(session_id=session, received_at=at, text=text)
        for session, at, text in texts
        if (session, at, text) not in stored
    )
    for session in sorted({session for session, _, _ in texts}):
        rows = ClientMessage.objects.filter(session_id=session).order_by("-pk")
        for newest in rows.values_list("pk", flat=True)[most : most + 1]:
            rows.filter(pk__lte=newest).delete()
