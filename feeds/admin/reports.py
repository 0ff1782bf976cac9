"""The admin pages of block reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBadRequest, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from clientapp.figures.measured import label_of, plain_label
from clientapp.wire.printable import printable
from clientapp.wire.verdict import Verdict
from feeds import show
from feeds.admin.analysis import AnalysisCsv, AnalysisView, csv_of
from feeds.admin.expected import expected_of
from feeds.admin.filters import (
    BlockSizeFilter,
    ClientFilter,
    DayFilter,
    FeedFilter,
    LabelFilter,
)
from feeds.admin.read_only import LINK, SessionFactAdmin
from feeds.models import BlockReport

RANGE = ("epoch", "first", "last", "count", "gaps", "duplicates", "digest")
"""The keys of a feed's range in a report."""


VERDICTS = {
    BlockReport.Verdict.VERIFIED: "success",
    BlockReport.Verdict.BROKEN: "danger",
    BlockReport.Verdict.UNVERIFIABLE: "warning",
    show.NOT_CHECKED: "",  # in grey
}


MEANINGS = {
    Verdict.VERIFIED: "every message arrived, unaltered and in order",
    Verdict.BROKEN: "the client did not receive what was sent",
    Verdict.UNVERIFIABLE: "the server cannot tell",
}
JUDGED = '<span class="judged" data-state="{}">{}</span>'
"""A verdict; the page shows ``broken`` in red."""
ONLY_A_SENTENCE = "The client reported with a sentence only, which names no offsets."
PLAIN = (
    f"{show.NOT_CHECKED}: its sentence does not say which messages arrived. This is not an error."
)
"""The meaning of a plain report's verdict."""


class ReportColumns:
    """Columns of both the list of reports and the page of a session."""

    @admin.display(description="number", ordering="number")
    def numbered(self, report: BlockReport) -> str:
        """Return the number, and the plain client's own number if it differs."""
        if report.number_said in (None, report.number):
            return f"{report.number}"
        return f"{report.number} (said {report.number_said})"

    @display(description="verdict", label=VERDICTS, ordering="verdict")  # type: ignore[untyped-decorator]
    def found(self, report: BlockReport) -> tuple[str, str]:
        """Return the verdict, as the key of its label and as text."""
        words = show.verdict(report)
        return words, words

    @admin.display(description="seconds", ordering="seconds")
    def took(self, report: BlockReport) -> str:
        """Return the seconds with three decimals, as our client's sentence has them."""
        return f"{report.seconds:.3f}"

    @admin.display(description="sentence")
    def sentence(self, report: BlockReport) -> str:
        """Return the client's sentence."""
        return printable(report.text)


@admin.register(BlockReport)
class BlockReportAdmin(ReportColumns, SessionFactAdmin):
    """The read-only list and pages of block reports, of which there may be a million."""

    empty = "Clients send one for each block they collect. Start a client to see some."
    sorted_by_hand = ("numbered", "of_session", "found", "size", "took", "label")
    sortable_by = (*sorted_by_hand, "received_at")

    list_display = (
        "numbered",
        "of_session",
        "found",
        "size",
        "took",
        "sentence",
        "feeds",
        "label",
        "received_at",
    )
    list_filter = (
        "verdict",
        ClientFilter,
        FeedFilter,
        BlockSizeFilter,
        LabelFilter,
        ("received_at", DayFilter),
    )
    fieldsets = (
        (None, {"fields": ("of_session", "numbered", "neighbours", "sentence", "label")}),
        ("Verdict", {"fields": ("judged", "why", "differences", "expected")}),
        (
            "Time",
            {"fields": (("size", "took", "ideal_time"), ("overhead", "lost"), "feeds_and_rates")},
        ),
        ("Feeds", {"fields": ("ranges_table",)}),
        ("Latency in seconds", {"fields": (("latency_p50", "latency_p99", "latency_max"),)}),
        ("Times", {"fields": (("started_at", "finished_at"), ("received_at", "clients"))}),
    )
    readonly_fields = (
        "of_session",
        "numbered",
        "neighbours",
        "judged",
        "expected",
        "ideal_time",
        "overhead",
        "feeds_and_rates",
        "took",
        "sentence",
        "lost",
        "why",
        "differences",
        "ranges_table",
    )

    def get_urls(self) -> list[Any]:
        """Return the URLs, with the analysis before the pages of single reports."""
        view = self.admin_site.admin_view
        return [
            path(
                "analysis/",
                view(AnalysisView.as_view(model_admin=self)),
                name="feeds_blockreport_analysis",
            ),
            path(
                "analysis.csv",
                view(AnalysisCsv.as_view(model_admin=self)),
                name="feeds_blockreport_analysis_csv",
            ),
            path("reports.csv", view(self.csv), name="feeds_blockreport_csv"),
            *super().get_urls(),
        ]

    def csv(self, request: HttpRequest) -> HttpResponseBase:
        """Return a CSV of all reports that match the list's filters, however many."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            asked = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            text = "these filters cannot be read; open the list and filter there\n"
            return HttpResponseBadRequest(text, content_type="text/plain; charset=utf-8")
        # A list sorts only the newest rows; the file has all of them.
        return csv_of(asked.order_by("-received_at", "-id"))

    @admin.display(description="neighbouring blocks")
    def neighbours(self, report: BlockReport) -> str:
        """Return links to the previous and the next stored block of the session."""
        others = BlockReport.objects.filter(session=report.session_id, plain=report.plain)
        found = (
            ("previous", others.filter(number__lt=report.number).order_by("-number").first()),
            ("next", others.filter(number__gt=report.number).order_by("number").first()),
        )
        links = [
            format_html(
                LINK,
                reverse("admin:feeds_blockreport_change", args=(other.pk,)),
                f"{which}: block {other.number:,}, {show.verdict(other)}",
            )
            for which, other in found
            if other is not None
        ]
        return format_html_join(" · ", "{}", ((link,) for link in links)) or "none"

    @admin.display(description="verdict")
    def judged(self, report: BlockReport) -> str:
        """Return the verdict and its meaning."""
        words = PLAIN if report.plain else f"{report.verdict}: {MEANINGS[Verdict(report.verdict)]}"
        return format_html(JUDGED, report.verdict, words)

    @admin.display(description="expected and arrived")
    def expected(self, report: BlockReport) -> str:
        """Return the records that the block should contain, and how each arrived."""
        if not report.ranges:
            return ONLY_A_SENTENCE
        return render_to_string("admin/expected.html", {"expected": expected_of(report)})

    @admin.display(description="ideal")
    def ideal_time(self, report: BlockReport) -> str:
        """Return the ideal block time."""
        return show.UNKNOWN if report.ideal is None else show.fixed(report.ideal, 3)

    @admin.display(description="overhead")
    def overhead(self, report: BlockReport) -> str:
        """Return block time minus ideal."""
        return show.UNKNOWN if report.ideal is None else show.seconds(report.seconds - report.ideal)

    @admin.display(description="feeds and rates")
    def feeds_and_rates(self, report: BlockReport) -> str:
        """Return the group to which the block belongs in figures."""
        feeds = report.session.feeds.split()
        return plain_label(feeds) if report.plain else label_of(feeds, report.rates)

    @admin.display(description="interrupted")
    def lost(self, report: BlockReport) -> str:
        """Return whether the block spans a reconnect or contains caught-up messages."""
        return "yes, so figures of time leave it out" if report.interrupted else "no"

    @admin.display(description="feeds")
    def feeds(self, report: BlockReport) -> str:
        """Return the names of the feeds in the block."""
        return ", ".join(report.ranges or report.session.feeds.split())

    @admin.display(description="reason")
    def why(self, report: BlockReport) -> str:
        """Return the reason why the block is not verified."""
        return printable(report.reason) or show.UNKNOWN

    @admin.display(description="difference")
    def differences(self, report: BlockReport) -> str:
        """Return the difference of a broken block as a table."""
        rows = [
            (feed, kind, ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in spans))
            for feed, kinds in (report.difference or {}).items()
            for kind, spans in kinds.items()
            if kind != "checksums"
        ]
        if not rows:
            return show.UNKNOWN
        titles = ("feed", "difference", "offsets")
        return _table("Difference", titles, rows)

    @admin.display(description="ranges")
    def ranges_table(self, report: BlockReport) -> str:
        """Return the block's ranges of each feed as a table."""
        rows = [
            (feed, *(part.get(name, "") for name in RANGE)) for feed, part in report.ranges.items()
        ]
        return _table("Ranges", ("feed", *RANGE), rows)


def _table(about: str, titles: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    context = {"about": about, "titles": titles, "rows": rows}
    return render_to_string("admin/ranges.html", context)
