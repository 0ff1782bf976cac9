"""The rows of clients' texts: a limited number per session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from feeds.core.limits import LIMITS
from feeds.models import ClientMessage
from feeds.storing.facts import Said

REMOVED_PER_TEXT = 5
"""Most old texts of a session that make room for a new one: with 200 facts, a commit then removes
at most 1,000, in about 20 ms. It is more than one, so that a session with too many texts loses
the surplus.
"""


def store(ids: Mapping[str, int], said: Sequence[Said], most: int = LIMITS.session_texts) -> None:
    """
    Store the new texts of *said*; a session sends at most one per microsecond.

    Of each session, the newest *most* are kept. If it has many more, because *most* was
    higher before, each new text removes `REMOVED_PER_TEXT` of them. *ids* has the row of
    each session.
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
    for session, new in sorted(Counter(session for session, _, _ in texts).items()):
        rows = ClientMessage.objects.filter(session_id=session)
        for newest in rows.order_by("-pk").values_list("pk", flat=True)[most : most + 1]:
            surplus = rows.filter(pk__lte=newest).order_by("pk").values_list("pk", flat=True)
            last = list(surplus[: REMOVED_PER_TEXT * new])[-1]
            rows.filter(pk__lte=last).delete()
