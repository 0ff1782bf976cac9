"""The analysis page with block time and latency of stored reports, and its CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.views.generic import TemplateView, View
from unfold.views import UnfoldModelAdminViewMixin

from clientapp.figures.measured import Reason
from clientapp.figures.summary import RULE, left_out_sentence
from clientapp.wire.printable import printable
from feeds import show
from feeds.admin.figures import analysis
from feeds.admin.figures.charts import charts
from feeds.admin.filters import in_days, labelled, of_sessions, receiving_exactly
from feeds.admin.forms import AnalysisForm
from feeds.models import BlockReport, ClientSession

COLUMNS = (
    "received_at", "session__client", "session__feeds", "label", "clients", "number", "size",
    "seconds", "ideal", "rates", "plain", "latency_p50", "latency_p99", "latency_max",
    "clock_offset", "clock_error", "interrupted", "verdict", "reason",
)  # fmt: skip
"""Columns of the CSV; the session's key is left out."""
FIGURES = (
    "blocks", "left out", "ideal s", "median s", "p99 s", "overhead ms", "overhead p99",
    "latency ms", "latency p99", "latency max",
)  # fmt: skip
"""Table columns after the columns that name the group."""
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings that make a spreadsheet read a cell as a formula."""
READ_AT_ONCE = 1000
"""The most rows of the CSV in memory; more are read once these have been sent."""


class AnalysisView(UnfoldModelAdminViewMixin, TemplateView):
    """The page with charts and tables of the newest reports selected."""

    title = "Analysis of block reports"
    permission_required = "feeds.view_blockreport"
    template_name = "admin/analysis.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return the context: the form, and if it is valid the analysis."""
        form = AnalysisForm(self.request.GET)
        answer, by_name = None, False
        if form.is_valid():
            by_name = form.cleaned_data["by"] == "client"
            answer = analysis.analyse(_wanted(form.cleaned_data), by_name=by_name)
        table = reverse("admin:feeds_blockreport_analysis_csv")
        return super().get_context_data(
            **kwargs,
            form=form,
            answer=answer,
            left_out=left_out_sentence(answer.figures.left_out) if answer else "",
            broken=answer.figures.left_out.get(Reason.BROKEN, 0) if answer else 0,
            broken_address=show.broken_reports(),
            rule=RULE,
            charts=charts(answer) if answer else [],
            tables=_tables(answer, by_name=by_name) if answer else [],
            reports=show.count(answer.reports, "report") if answer else "",
            csv_address=f"{table}?{self.request.GET.urlencode()}",
        )


class AnalysisCsv(UnfoldModelAdminViewMixin, View):
    """The same reports as rows of a CSV file, streamed."""

    permission_required = "feeds.view_blockreport"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Return the file, or status 400 with the form's errors as text."""
        form = AnalysisForm(request.GET)
        if not form.is_valid():
            sentences = [
                f"{name}: {text}\n" for name, texts in form.errors.items() for text in texts
            ]
            return HttpResponse(sentences, status=400, content_type="text/plain; charset=utf-8")
        reports = _wanted(form.cleaned_data)[: analysis.MOST_REPORTS]
        return csv_of(reports)


def csv_of(reports: QuerySet[BlockReport]) -> StreamingHttpResponse:
    """Return *reports* as a CSV file, streamed, since there may be any number of them."""
    return StreamingHttpResponse(
        _lines(reports),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="block-reports.csv"'},
    )


def _tables(answer: analysis.Analysis, *, by_name: bool) -> list[dict[str, Any]]:
    apart = "client" if by_name else "clients"
    own = ("feeds and rate", "block size")
    return [
        {
            "title": "By feeds, rate and block size",
            "names": (*own, *FIGURES),
            "rows": [[*_name(group), *_figures(group)] for group in answer.by_size],
        },
        {
            "title": f"By feeds, rate, block size and {apart}",
            "names": (*own, apart, *FIGURES),
            "rows": [
                [
                    *_name(group),
                    printable(group.client) if by_name else analysis.band_name(group.band),
                    *_figures(group),
                ]
                for group in answer.by_clients
            ],
        },
    ]


def _name(group: analysis.Group) -> list[str]:
    return [group.rates, f"{group.block_size:,}" if group.block_size else show.UNKNOWN]


def _figures(group: analysis.Group) -> list[str]:
    found = group.figures
    seconds, overhead, latency = found.seconds or found.plain, found.overhead, found.latency
    return [
        f"{seconds.count if seconds else 0:,}",
        f"{found.blocks - (seconds.count if seconds else 0):,}",
        *(_seconds(value) for value in (found.ideal, *_of(seconds, "p50", "p99"))),
        *(_milliseconds(value) for value in _of(overhead, "p50", "p99")),
        *(_milliseconds(value) for value in _of(latency, "p50", "p99", "max")),
    ]


def _of(figures: object, *names: str) -> list[float | None]:
    return [None if figures is None else getattr(figures, name) for name in names]


def _seconds(value: float | None) -> str:
    return show.UNKNOWN if value is None else show.fixed(value, 3)


def _milliseconds(value: float | None) -> str:
    return show.UNKNOWN if value is None else show.fixed(value * 1000, 2)


def _wanted(asked: dict[str, Any]) -> QuerySet[BlockReport]:
    """Return the reports selected by a valid form, newest first."""
    reports = in_days(
        BlockReport.objects.all(), "received_at", asked["first_day"], asked["last_day"]
    )
    if asked["label"]:
        reports = labelled(reports, asked["label"])
    if asked["feeds"] or asked["client"]:
        sessions = receiving_exactly(asked["feeds"]) if asked["feeds"] else ClientSession.objects
        named = sessions.filter(client=asked["client"]) if asked["client"] else sessions.all()
        reports = of_sessions(reports, named)
    return reports.order_by("-received_at", "-id")


async def _lines(reports: QuerySet[BlockReport]) -> AsyncIterator[str]:
    line = _Line()
    writer = csv.writer(line)
    writer.writerow(name.removeprefix("session__") for name in COLUMNS)
    # Without this mark Excel assumes an old encoding.
    yield f"\ufeff{line.text}"
    # Not values_list: its iterator runs the query before the first row is awaited.
    async for row in reports.values(*COLUMNS).aiterator(chunk_size=READ_AT_ONCE):
        writer.writerow(_cells(row[name] for name in COLUMNS))
        yield line.text


def _cells(row: Iterable[object]) -> Iterable[object]:
    for value in row:
        is_formula = isinstance(value, str) and value.startswith(DANGEROUS)
        shown = json.dumps(value) if isinstance(value, dict) else value
        yield f"'{shown}" if is_formula else shown


class _Line:
    """A file for a CSV writer that keeps the last line written."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text
