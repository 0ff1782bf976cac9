"""Feeds, and their messages exactly as sent, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, Self
from weakref import finalize

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from feeds.making.maker import RecordMaker
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
from feeds.pages.guard import granted_feeds
from feeds.records.schemas import asyncapi_document, message_schema
from feeds.running.child import ChildEndedError
from feeds.running.database import is_unavailable
from feeds.serving.node import get_node

P = ParamSpec("P")
Answer = Coroutine[Any, Any, HttpResponseBase]

JSON_LINES = "application/jsonl"
STATUSES = {BadRangeError: 400, NoSuchFeedError: 404, NotDueError: 404, NotKeptError: 410}
MOST_ANSWERS = 8
"""The most answers with records at the same time; they share one process."""
PARTS_PER_SECOND = 25
"""
The most parts a second, over all answers: each costs the event loop up to a millisecond.

Without a limit, four readers doubled the p99 of a thousand live clients (benchmarks/readers).
"""
PART_BYTES = 64 * 2**10
"""The least bytes of a part: one call of the reader's process, 3 to 10 ms for users."""
_ANSWERS: set[object] = set()
"""One token for each answer in progress."""


class Turns:
    """The pace at which all answers together send their parts."""

    def __init__(self) -> None:
        self._next_at = 0.0

    async def next(self) -> None:
        """Wait for the next turn; a caller that gives up takes none."""
        clock = asyncio.get_running_loop().time
        while (seconds := self._next_at - clock()) > 0:  # noqa: ASYNC110  it waits for a time
            await asyncio.sleep(seconds)
        self._next_at = clock() + 1 / PARTS_PER_SECOND


_TURNS = Turns()


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
    facts = await sync_to_async(lambda: list(listing()))()
    granted = granted_feeds(request)
    return JsonResponse({"feeds": [one for one in facts if not granted or one["name"] in granted]})


@require_safe
@never_cache
@_answering
async def records(request: HttpRequest, feed: str) -> HttpResponseBase:
    """Return messages of *feed* exactly as sent, one on each line; regenerated outside the loop."""
    first, last = (request.GET.get(name, "") for name in ("first", "last"))
    wanted = await sync_to_async(find)(feed, first, last, most=MOST_RECORDS)
    if request.method == "HEAD":
        return HttpResponse(content_type=JSON_LINES)
    if len(_ANSWERS) >= MOST_ANSWERS:
        return _later(f"{MOST_ANSWERS} others are reading records now; ask again in some seconds")
    parts = _Parts((await get_node()).record_maker, wanted)
    try:
        # Before the status is sent, because most errors occur here.
        await parts.begin()
    except ChildEndedError:
        return _later("the process that regenerates records has ended; ask again in some seconds")
    return StreamingHttpResponse(parts, content_type=JSON_LINES)


def _later(sentence: str) -> JsonResponse:
    return JsonResponse({"error": sentence}, status=503, headers={"Retry-After": "5"})


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
    document = await sync_to_async(asyncapi_document)(
        request.get_host(),
        settings.PATH_PREFIX,
        is_secure=request.is_secure(),
        granted=granted_feeds(request),
    )
    return JsonResponse(document)


class _Parts:
    """
    The parts of an answer; an error ends it before its proper end.

    It counts as an answer until an error, or until Django closes it, also because the
    client left.
    """

    def __init__(self, maker: RecordMaker, wanted: Wanted) -> None:
        self._maker = maker
        self._wanted = wanted
        self._begun = b""
        token = object()
        _ANSWERS.add(token)
        # Any thread may close it, and more than once.
        self.close = finalize(self, _ANSWERS.discard, token)

    async def begin(self) -> None:
        """Make the first part; raises RecordsError and ChildEndedError."""
        self._begun = await self._make()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        text, self._begun = self._begun or await self._make(), b""
        if not text:
            raise StopAsyncIteration
        return text

    async def _make(self) -> bytes:
        """Make the next part; empty at the end."""
        wanted = self._wanted
        if wanted.first > wanted.last:
            return b""
        schedule = wanted.schedule.part(wanted.first, wanted.last)
        asked = (wanted.feed, schedule, wanted.first, wanted.last, PART_BYTES)
        try:
            await _TURNS.next()
            try:
                last, text = await self._maker.run(text_between, *asked)
            except ChildEndedError:  # try again, in another process
                last, text = await self._maker.run(text_between, *asked)
        except BaseException as error:
            self.close()
            if isinstance(error, UnavailableError):
                raise NotKeptError(f"these records cannot be regenerated here: {error}") from None
            raise
        self._wanted = replace(wanted, first=last + 1)
        return text
