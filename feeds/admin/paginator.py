"""Pages of a table that is too long to count."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

from django.core.paginator import Paginator
from django.db.models import QuerySet

MOST_COUNTED = 10_000
"""Rows counted and reachable by page number; older ones are found by filters."""


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # no generic at run time
    """
    A paginator that looks at no more than `MOST_COUNTED` rows.

    COUNT(*) over a million rows costs more than everything else on a list
    page together, and an OFFSET far into the table costs as much.
    """

    template_name = "admin/pagination_capped.html"

    @cached_property
    def count(self) -> int:
        """The number of rows, or `MOST_COUNTED` where there are more."""
        return min(self._counted, MOST_COUNTED)

    @property
    def is_capped(self) -> bool:
        """Whether there are more rows than the pages show."""
        return self._counted > MOST_COUNTED

    @cached_property
    def _counted(self) -> int:
        # One more than is shown tells "exactly that many" from "more".
        rows = cast("QuerySet[Any]", self.object_list).order_by()
        return rows[: MOST_COUNTED + 1].count()
