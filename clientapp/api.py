"""
The Python API: the messages of feeds, every offset once and in order.

::

    async with connect("ws://127.0.0.1:8000/", name="alice", feeds=["users"]) as subscription:
        async for message in subscription:
            ...

The client reconnects by itself, and reports its blocks to the server, which verifies them.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from .core import events
from .core.errors import BadUsage, ClientError, CouldNot, NothingCame, Refused
from .core.serverurl import DEFAULT_URL, server_url
from .core.session import DEFAULT_BLOCK_SIZE, Session
from .core.tally import Tally
from .log.memorylog import MemoryLog
from .run import Run
from .wire import names
from .wire.names import EPOCH
from .wire.position import MAX_OFFSET, Position
from .wire.request import DEFAULT_CLIENT, DEFAULT_FEEDS, MAX_FEEDS

__all__ = [
    "BadUsage",
    "Block",
    "ClientError",
    "CouldNot",
    "Gap",
    "Message",
    "NothingCame",
    "Position",
    "Refused",
    "Subscription",
    "connect",
]


@dataclass(frozen=True, slots=True)
class Message:
    """One record of a feed at one offset."""

    feed: str
    offset: int
    """From 1, each offset once and in order."""
    at: int
    """The intended time by the feed's schedule, microseconds since 1970."""
    received_at: int
    """The time at which it was read, on request, by this machine's clock, in microseconds since
    1970."""
    data: Any
    """The record: an object for ``users``, nested lists for ``arrays``."""


@dataclass(frozen=True, slots=True)
class Gap:
    """
    Offsets of a feed that will never arrive, in their place between the messages.

    If *last* is *first* - 1, no message is lost, but the feed's recipe changed.
    """

    feed: str
    first: int
    last: int
    epoch: str
    """The epoch of the messages after the gap."""
    cause: str
    """
    ``epoch``: the feed's recipe changed. ``history``: the server's database lost its last
    messages; offsets after `last` follow, perhaps again. ``unavailable``: the server cannot
    regenerate them. ``unannounced``: the server skipped them.
    """


@dataclass(frozen=True, slots=True)
class Block:
    """As many messages as the block size, and the client's report about them."""

    number: int
    """From 1."""
    messages: tuple[Message | Gap, ...]
    """The messages in order of receipt, and the gaps between them."""
    size: int
    """The number of messages, without gaps."""
    seconds: float
    """The time from the first to the last message."""
    started_at: int
    """Receipt of the first message, microseconds since 1970."""
    interrupted: bool
    """Whether the connection broke within the block, or messages of it arrived late."""
    text: str
    """The sentence for the server, ``Client <name> received <n> block in <t> time``."""


def connect(
    url: str = DEFAULT_URL,
    *,
    token: str = "",
    name: str = DEFAULT_CLIENT,
    feeds: str | Iterable[str] = DEFAULT_FEEDS,
    block_size: int = DEFAULT_BLOCK_SIZE,
    first: int | None = None,
    after: Mapping[str, Position] | None = None,
    label: str = "",
    timeout: float | None = None,
    wait: bool = True,
) -> Subscription:
    """
    Return a subscription to *feeds* of the server at *url*; use it in ``async with``.

    It begins with the next message of each feed, with offset *first*, or after the positions
    *after*, which an earlier subscription had. Every *block_size* messages of all feeds together
    are a block; its report contains *label*. With *wait* false, there must be a server already.
    A wait of more than *timeout* seconds for a connection or a message raises NothingCame.
    *token* is for a server that needs one.

    Raises BadUsage for a value that is not allowed.
    """
    asked = (feeds,) if isinstance(feeds, str) else tuple(feeds)
    for value, is_allowed, rule in (
        (name, names.is_client_name(name), f"name: {names.CLIENT_NAME_RULE}"),
        (
            asked,
            0 < len(set(asked)) == len(asked) <= MAX_FEEDS,
            f"feeds: 1 to {MAX_FEEDS}, each once",
        ),
        (asked, all(map(names.is_feed_name, asked)), f"a feed: {names.FEED_NAME_RULE}"),
        (
            block_size,
            block_size in range(1, names.MAX_BLOCK_SIZE + 1),
            f"block_size: {names.BLOCK_SIZE_RULE}",
        ),
        (first, first is None or 1 <= first <= MAX_OFFSET, f"first: from 1 to {MAX_OFFSET}"),
        (label, not label or names.is_label(label), f"label: {names.LABEL_RULE}"),
        (timeout, timeout is None or timeout > 0, "timeout: more than 0 s"),
        (after, _are_positions(after, asked), "after: positions of the feeds"),
        (after, not after or first is None, "after: not together with first"),
    ):
        if not is_allowed:
            raise BadUsage(f"{value!r} is not allowed as {rule}")
    session = Session(
        client=name,
        session=secrets.token_urlsafe(16),
        url=server_url(url).with_token(token),
        feeds=asked,
        block_size=block_size,
    )
    return Subscription(session, first=first, after=after, label=label, timeout=timeout, wait=wait)


def _are_positions(after: object, feeds: Iterable[str]) -> bool:
    """Tell whether *after* is empty, or maps some of *feeds* to positions."""
    if not after:
        return True
    return (
        isinstance(after, Mapping)
        and set(after) <= set(feeds)
        and all(isinstance(one, Position) and EPOCH.fullmatch(one.epoch) for one in after.values())
    )


class _Inbox:
    """
    The observer of a run and the brake of its connections; it keeps the latest messages.

    The next frame is handled when `wanted` is set, so it keeps at most a message, with the gap
    before it and the end of its block.
    """

    def __init__(self) -> None:
        self.run: Run | None = None
        self.positions: dict[str, Position] = {}
        """The positions at the first welcome."""
        self.arrived: deque[tuple[Message | Gap, Position] | events.Completed] = deque()
        self.changed = asyncio.Event()
        """Set when something arrived, when a connection was made, and at the end."""
        self.wanted = asyncio.Event()

    def show(self, event: events.Event) -> None:
        """Handle one event of the run."""
        assert self.run is not None
        match event:
            case events.Connected():
                self.positions = self.positions or dict(self.run.positions)
                self.changed.set()
            case events.Received(feed=feed, offset=offset, at=at):
                message = Message(feed, offset, at, event.received_at, event.data)
                self._add(message, self.run.positions[feed])
            case events.Missed(feed=feed, first=first, last=last, epoch=epoch):
                self._add(Gap(feed, first, last, epoch, event.cause), Position(epoch, last))
            case events.Completed():
                self.arrived.append(event)

    async def wait(self, size: int) -> None:
        """Wait until a message is wanted."""
        await self.wanted.wait()

    def _add(self, item: Message | Gap, position: Position) -> None:
        self.arrived.append((item, position))
        self.wanted.clear()
        self.changed.set()


class Subscription:
    """
    The messages of one session; see `connect`.

    Iterate over messages and gaps, or over `blocks`, in one task. The iteration ends when the
    server ends the session, and raises a ClientError if the client cannot continue. A message is
    read from the connection when the consumer asks for it. So a slow consumer slows the client
    down, and reports cover only messages that the consumer got.
    """

    def __init__(
        self,
        session: Session,
        *,
        first: int | None,
        after: Mapping[str, Position] | None,
        label: str,
        timeout: float | None,
        wait: bool,
    ) -> None:
        self._session = session
        self._first = first
        self._after = dict(after or {})
        self._label = label
        self._timeout = timeout
        self._wait = wait
        self._tally = Tally(session.block_size)
        self._inbox = _Inbox()
        self._yielded: dict[str, Position] = {}
        self._begun: list[tuple[Message | Gap, Position]] = []
        """The beginning of the next block, if the consumer iterates over blocks."""
        self._run: Run | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def positions(self) -> Mapping[str, Position]:
        """
        The position of each feed, to continue from: `connect` takes it as *after*.

        It is the position after the last message, gap or block that was yielded, and at first the
        position of the beginning.
        """
        begun = {feed: at for feed, at in self._inbox.positions.items() if at.epoch}
        return {**begun, **self._after, **self._yielded}

    @property
    def verdicts(self) -> Mapping[str, int]:
        """Number of blocks with each verdict: ``verified``, ``broken``, ``unverifiable``."""
        return dict(self._tally.verdicts)

    @property
    def unacknowledged(self) -> int:
        """The number of blocks without a verdict; after the end, the server may not have these."""
        return 0 if self._run is None else self._run.unacknowledged

    async def __aenter__(self) -> Self:
        """Wait until connected; raises ClientError if that is impossible."""
        if self._task is not None:
            raise RuntimeError("a subscription can be used once")
        self._run = self._inbox.run = Run(
            self._session,
            MemoryLog(),
            self._tally,
            self._inbox,
            label=self._label,
            console=True,
            patient=self._wait,
            first=self._first,
            after=self._after,
            brake=self._inbox,
        )
        self._task = asyncio.create_task(self._run.to_end())
        self._task.add_done_callback(lambda _: self._inbox.changed.set())
        try:
            await self._until(lambda: self._tally.connects > 0, f"no server at {self._session.url}")
        except BaseException:
            self._task.cancel()
            await asyncio.wait({self._task})
            raise
        if self._task.done():
            self._task.result()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for the last verdicts, at most some seconds, and leave the server."""
        assert self._run is not None
        assert self._task is not None
        self._run.interrupt()
        self._inbox.wanted.set()
        # The iteration raised it, or the consumer has stopped iterating.
        with suppress(ClientError):
            await self._task

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message | Gap:
        if self._begun:
            raise RuntimeError("this subscription already yields blocks")
        while isinstance(arrived := await self._next(), events.Completed):
            pass
        if arrived is None:
            raise StopAsyncIteration
        item, self._yielded[arrived[0].feed] = arrived
        return item

    async def blocks(self) -> AsyncIterator[Block]:
        """
        Yield complete blocks; after an error, another call continues the block that had begun.

        At the end, `positions` are those before an incomplete block.
        """
        while (arrived := await self._next()) is not None:
            if not isinstance(arrived, events.Completed):
                self._begun.append(arrived)
                continue
            begun, self._begun = self._begun, []
            self._yielded |= {item.feed: position for item, position in begun}
            yield Block(
                number=arrived.block,
                messages=tuple(item for item, _ in begun),
                size=arrived.size,
                seconds=arrived.seconds,
                started_at=arrived.started_at,
                interrupted=arrived.interrupted,
                text=arrived.text,
            )

    async def _next(self) -> tuple[Message | Gap, Position] | events.Completed | None:
        """Return the next message, gap or end of a block; None: the server ended the session."""
        inbox = self._inbox
        if self._task is None:
            raise RuntimeError("use a subscription in 'async with'")
        if not inbox.arrived and not self._task.done():
            inbox.wanted.set()
            try:
                await self._until(
                    lambda: bool(inbox.arrived), f"no new message arrived for {self._timeout} s"
                )
            finally:
                inbox.wanted.clear()
        if inbox.arrived:
            return inbox.arrived.popleft()
        self._task.result()
        return None

    async def _until(self, holds: Callable[[], bool], missing: str) -> None:
        """Wait for *holds*, or for the end; raises NothingCame with *missing* after the timeout."""
        assert self._task is not None
        try:
            async with asyncio.timeout(self._timeout):
                while not holds() and not self._task.done():
                    self._inbox.changed.clear()
                    await self._inbox.changed.wait()
        except TimeoutError:
            raise NothingCame(missing) from None
