"""Pagination of tables that are too long to count."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

from django.core.paginator import Paginator
from django.db.models import QuerySet

MOST_COUNTED = 10_000
"""The most rows counted and reachable by page number; use filters for older ones."""


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # no generic at run time
    """
    A paginator that reads at most `MOST_COUNTED` rows.

    COUNT(*) over a million rows costs more than the rest of a list page, and so
    does an OFFSET far into the table.
    """

    template_name = "admin/pagination_capped.html"

    @cached_property
    def count(self) -> int:
        """The number of rows, at most `MOST_COUNTED`."""
        return min(self._counted, MOST_COUNTED)

    @property
    def is_capped(self) -> bool:
        """Whether there are more rows than the pages show."""
        return self._counted > MOST_COUNTED

    @cached_property
    def _counted(self) -> int:
        # One more than the limit, to tell whether there are more.
        rows = cast("QuerySet[Any]", self.object_list).order_by()
        return rows[: MOST_COUNTED + 1].count()
