"""The analysis page: block time and latency of the stored reports, and their CSV."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.views.generic import TemplateView, View
from unfold.views import UnfoldModelAdminViewMixin

from feeds import analysis, show
from feeds.admin.filters import in_days, labelled, of_sessions, receiving
from feeds.charts import charts
from feeds.forms import AnalysisForm
from feeds.models import BlockReport

COLUMNS = (
    "received_at", "session__client", "session__feeds", "label", "clients", "number", "size",
    "seconds", "latency_p50", "latency_p99", "latency_max", "clock_offset", "clock_error",
    "interrupted", "verdict", "reason",
)  # fmt: skip
"""Of the CSV; a session's key is none of them."""
NAMES = (
    "block size", "clients", "reports", "mean s", "p50 s", "p90 s", "p99 s",
    "latency p50 ms", "latency p99 ms", "latency max ms",
)  # fmt: skip
"""Of the columns of a table."""
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these is a formula to a spreadsheet."""
READ_AT_ONCE = 1000
"""Rows of the CSV in memory; the rest is read when these have left."""


class AnalysisView(UnfoldModelAdminViewMixin, TemplateView):
    """Charts and tables over the newest reports that were asked for."""

    title = "Analysis of block reports"
    permission_required = "feeds.view_blockreport"
    template_name = "admin/analysis.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Return what the page shows; only the form, where it was filled in wrongly."""
        form = AnalysisForm(self.request.GET)
        answer = analysis.analyse(_wanted(form.cleaned_data)) if form.is_valid() else None
        table = reverse("admin:feeds_blockreport_analysis_csv")
        return super().get_context_data(
            **kwargs,
            form=form,
            answer=answer,
            charts=charts(answer) if answer else [],
            tables=_tables(answer) if answer else [],
            most_reports=analysis.MOST_REPORTS,
            csv_address=f"{table}?{self.request.GET.urlencode()}",
        )


class AnalysisCsv(UnfoldModelAdminViewMixin, View):
    """The same reports as rows, sent while they are read."""

    permission_required = "feeds.view_blockreport"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Return the file, or with status 400 the sentences that say what is wrong."""
        form = AnalysisForm(request.GET)
        if not form.is_valid():
            sentences = [
                f"{name}: {text}\n" for name, texts in form.errors.items() for text in texts
            ]
            return HttpResponse(sentences, status=400, content_type="text/plain; charset=utf-8")
        reports = _wanted(form.cleaned_data)[: analysis.MOST_REPORTS]
        return csv_of(reports)


def csv_of(reports: QuerySet[BlockReport]) -> StreamingHttpResponse:
    """Return *reports* as a file, sent while they are read: it may hold any number of them."""
    return StreamingHttpResponse(
        _lines(reports),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="block-reports.csv"'},
    )


def _tables(answer: analysis.Analysis) -> list[dict[str, Any]]:
    titles = {"By block size": answer.by_size, "By block size and clients": answer.by_clients}
    return [
        {"title": title, "names": NAMES, "rows": [_row(group) for group in groups]}
        for title, groups in titles.items()
    ]


def _row(group: analysis.Group) -> list[str]:
    return [
        f"{group.block_size:,}",
        analysis.band_name(group.band),
        f"{group.reports:,}",
        *(f"{value:.3f}" for value in (group.mean, group.p50, group.p90, group.p99)),
        *(
            show.UNKNOWN if value is None else f"{value * 1000:.2f}"
            for value in (group.latency_p50, group.latency_p99, group.latency_max)
        ),
    ]


def _wanted(asked: dict[str, Any]) -> QuerySet[BlockReport]:
    """Return the reports that a valid form asks for, the newest first."""
    reports = in_days(
        BlockReport.objects.all(), "received_at", asked["first_day"], asked["last_day"]
    )
    if asked["label"]:
        reports = labelled(reports, asked["label"])
    if asked["feed"]:
        reports = of_sessions(reports, receiving(asked["feed"]))
    return reports.order_by("-received_at", "-id")


async def _lines(reports: QuerySet[BlockReport]) -> AsyncIterator[str]:
    line = _Line()
    writer = csv.writer(line)
    writer.writerow(name.removeprefix("session__") for name in COLUMNS)
    # Excel takes a file without this mark for one in an old encoding.
    yield f"\ufeff{line.text}"
    # Not values_list: its iterator asks the database before the first row is awaited.
    async for row in reports.values(*COLUMNS).aiterator(chunk_size=READ_AT_ONCE):
        writer.writerow(_cells(row[name] for name in COLUMNS))
        yield line.text


def _cells(row: Iterable[object]) -> Iterable[object]:
    for value in row:
        is_formula = isinstance(value, str) and value.startswith(DANGEROUS)
        yield f"'{value}" if is_formula else value


class _Line:
    """The last line that a CSV writer wrote."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text
