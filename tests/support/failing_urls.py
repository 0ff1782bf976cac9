"""The project's addresses, and responses that fail at the start, midway or never."""

import asyncio
from collections.abc import AsyncIterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

from wsproject.urls import urlpatterns as of_the_project

PARTS = {"start": 0, "midway": 1, "never": 3}
"""Parts of a response before its failure; a whole response has three."""
PART = b"x" * 2000


async def _parts(most: int) -> AsyncIterator[bytes]:
    for number in range(3):
        if number == most:
            raise RuntimeError("no more rows")
        yield PART


async def fails(_: HttpRequest, where: str) -> StreamingHttpResponse:
    """Stream a response that fails where the address says."""
    return StreamingHttpResponse(_parts(PARTS[where]))


async def abandons(_: HttpRequest, what: str) -> HttpResponse:
    """Leave a failed future that nobody awaits, as asgiref does if a client leaves."""
    error = asyncio.CancelledError() if what == "cancelled" else ValueError("a real fault")
    asyncio.get_running_loop().create_future().set_exception(error)
    return HttpResponse()


urlpatterns = [
    path("fails/<where>", fails),
    path("abandons/<what>", abandons),
    *of_the_project,
]
