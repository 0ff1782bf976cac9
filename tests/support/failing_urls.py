"""The project's addresses, and responses that fail, succeed or do not end, as the URL says."""

import asyncio
from collections.abc import AsyncIterator
from typing import Self

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

from wsproject.urls import urlpatterns as of_the_project

PARTS = {"start": 0, "midway": 1, "never": 3}
"""Parts of a response before its failure; a whole response has three."""
PART = b"x" * 2000
LARGE_PART = b"x" * 2**16
made = {"parts": 0, "ended": 0}


async def _parts(most: int) -> AsyncIterator[bytes]:
    for number in range(3):
        if number == most:
            raise RuntimeError("no more rows")
        yield PART


class _Endless:
    def __init__(self) -> None:
        made["parts"], made["ended"] = 0, 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        made["parts"] += 1
        return LARGE_PART

    def close(self) -> None:
        """Record that Django closes it."""
        made["ended"] = 1


async def endless(_: HttpRequest) -> StreamingHttpResponse:
    """Stream a response that ends only when its client leaves."""
    return StreamingHttpResponse(_Endless())


async def counted(_: HttpRequest) -> JsonResponse:
    """Return how many parts of the last endless response were made, and whether it has ended."""
    return JsonResponse(made)


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
    path("endless", endless),
    path("counted", counted),
    *of_the_project,
]
