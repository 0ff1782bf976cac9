"""Feeds, and their messages exactly as sent, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, Self
from weakref import finalize

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from feeds.making.maker import Reader
from feeds.making.regeneration import UnavailableError, text_between
from feeds.making.wanted import (
    MOST_RECORDS,
    BadRangeError,
    NoSuchFeedError,
    NotDueError,
    NotKeptError,
    RecordsError,
    Wanted,
    find,
    listing,
    row_of,
)
from feeds.pages.away import no_answer
from feeds.records.schemas import asyncapi_document, message_schema
from feeds.running.database import is_unavailable
from feeds.serving.node import get_node

P = ParamSpec("P")
Answer = Coroutine[Any, Any, HttpResponseBase]

JSON_LINES = "application/jsonl"
STATUSES = {BadRangeError: 400, NoSuchFeedError: 404, NotDueError: 404, NotKeptError: 410}
MOST_READERS = 8
"""Responses with records at the same time; they share one process."""
PART_BYTES = 64 * 2**10
"""The least bytes of a part: one call of the reader's process, 3 to 10 ms for users."""


def _answering(view: Callable[P, Answer]) -> Callable[P, Answer]:
    """Answer errors with a status and a sentence as JSON."""

    @wraps(view)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return await view(*args, **kwargs)
        except RecordsError as error:
            return JsonResponse({"error": str(error)}, status=STATUSES[type(error)])
        except Exception as error:
            if not is_unavailable(error):
                raise
            return JsonResponse({"error": no_answer(error)}, status=503)

    return wrapped


@require_safe
@never_cache
@_answering
async def feeds(request: HttpRequest) -> HttpResponseBase:
    """Return the facts about every feed."""
    return JsonResponse({"feeds": await sync_to_async(lambda: list(listing()))()})


@require_safe
@never_cache
@_answering
async def records(request: HttpRequest, feed: str) -> HttpResponseBase:
    """Return messages of *feed* exactly as sent, one on each line; regenerated outside the loop."""
    first, last = (request.GET.get(name, "") for name in ("first", "last"))
    wanted = await sync_to_async(find)(feed, first, last, most=MOST_RECORDS)
    reader = (await get_node()).reader
    if reader.readers >= MOST_READERS:
        return JsonResponse(
            {"error": f"{MOST_READERS} others are reading records now; ask again in some seconds"},
            status=503,
            headers={"Retry-After": "5"},
        )
    # Before the status is sent, because most errors occur here.
    part = await _part(reader, wanted)
    return StreamingHttpResponse(_Parts(reader, wanted, part), content_type=JSON_LINES)


@require_safe
@never_cache
@_answering
async def schema(request: HttpRequest, feed: str) -> HttpResponseBase:
    """Return a JSON Schema of the messages of *feed*, by its current recipe."""
    return JsonResponse(await sync_to_async(lambda: message_schema(row_of(feed)))())


@require_safe
@never_cache
@_answering
async def asyncapi(request: HttpRequest) -> HttpResponseBase:
    """Return a description of the WebSocket in the format AsyncAPI 3."""
    host, is_secure = request.get_host(), request.is_secure()
    return JsonResponse(await sync_to_async(asyncapi_document)(host, is_secure=is_secure))


async def _part(reader: Reader, wanted: Wanted) -> tuple[int, bytes]:
    """Return the last offset and the text of the next part of *wanted*; raises RecordsError."""
    await reader.turn()
    first, last = wanted.first, wanted.last
    schedule = wanted.schedule.part(first, last)
    try:
        return await reader.run(text_between, wanted.feed, schedule, first, last, PART_BYTES)
    except UnavailableError as error:
        raise NotKeptError(f"these records cannot be made here: {error}") from None


class _Parts:
    """
    The first part of a response and all others; an error ends it before its proper end.

    It counts as a reader until Django closes it, which it also does if the client leaves.
    """

    def __init__(self, reader: Reader, wanted: Wanted, first: tuple[int, bytes]) -> None:
        self._reader = reader
        self._wanted = wanted
        self._next: tuple[int, bytes] | None = first
        reader.enter()
        self.close = finalize(self, reader.leave)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        last, text = self._next or await _part(self._reader, self._wanted)
        if not text:
            raise StopAsyncIteration
        self._next = None
        self._wanted = replace(self._wanted, first=last + 1)
        return text
