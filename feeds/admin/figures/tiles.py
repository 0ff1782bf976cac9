"""The tiles of the dashboard: single figures, formatted for people."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from feeds import show
from feeds.admin.figures.history import History
from feeds.admin.figures.points import Point
from feeds.models import BlockReport, ClientSession

SILENT = "no server stores figures now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure."""

    name: str
    value: str
    note: str
    link: str = ""
    """The list of the things counted; empty if there is none."""
    state: str = ""
    """``broken`` if the figure needs attention; otherwise empty."""


def changelist(model: str, **asked: str) -> str:
    """Return the URL of the list of *model*, filtered by *asked*."""
    return f"{reverse(f'admin:feeds_{model}_changelist')}?{urlencode(asked)}"


def session_tiles(now: Point) -> list[Tile]:
    """Return the tiles about connected sessions; takes one query."""
    online = ClientSession.objects.filter(status=ClientSession.Status.ONLINE).count()
    is_known = now.messages is not None
    those = changelist("clientsession", status__exact=ClientSession.Status.ONLINE)
    return [
        Tile(name="Sessions online", value=f"{online:,}", note="connected now", link=those),
        Tile(
            name="Messages/s",
            value=_figure(now.messages),
            note="sent to all, over the last 10 s" if is_known else SILENT,
        ),
        Tile(
            name="Worst lag",
            value=_figure(now.worst_lag),
            note="messages behind, when last checked" if is_known else SILENT,
            link=those,
        ),
    ]


def report_tiles(history: History) -> list[Tile]:
    """Return the tiles about block reports; takes no query."""
    now, blocks = history.now, history.blocks - history.plain
    share = show.UNKNOWN
    if blocks:
        # Rounded down, so that 100 % is shown only if every block is verified.
        share = f"{int(history.verified / blocks * 1000) / 10:g} %"
    within = f"in the last {history.span.name}"
    note = f"of {blocks:,} blocks {within}" if blocks else f"no block {within}"
    if history.plain:
        note += f"; {history.plain:,} {show.NOT_CHECKED}"
    return [
        Tile(
            name="Blocks/min",
            value=_figure(now.blocks),
            note="over the last 10 s" if now.blocks is not None else SILENT,
            link=changelist("blockreport"),
        ),
        Tile(
            name="Broken",
            value=f"{history.broken:,}",
            note=f"{within}; look at them" if history.broken else within,
            link=show.broken_reports(),
            state="broken" if history.broken else "",
        ),
        Tile(
            name="Verified",
            value=share,
            note=note,
            link=changelist("blockreport", verdict__exact=BlockReport.Verdict.VERIFIED),
        ),
    ]


def _figure(value: float | None) -> str:
    if value is None:
        return show.UNKNOWN
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"
