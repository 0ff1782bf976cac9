"""
A small server that speaks docs/reference/protocol.md and follows a test's script.

It keeps every message it ever published, so any position can be served; it has one epoch per feed
and no generator. Its clock may be wrong, and its messages may be late or lost by a known amount.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from clientapp.wire import codec
from clientapp.wire.digest import digest_of, format_digest
from clientapp.wire.from_client import Bye, Explained, Ping, read_from_client
from clientapp.wire.from_server import Ack, Control, Failure, Farewell, Pong
from clientapp.wire.message import make_line
from clientapp.wire.report import Report
from clientapp.wire.request import Request, parse_request
from clientapp.wire.verdict import Verdict
from clientapp.wire.welcome import FeedState, Welcome
from tools.waiting import PATIENCE_SECONDS

EPOCH = "0123456789ab"
STARTED_US = 1_795_000_000_000_000
"""The intended time of offset 0, chosen arbitrarily."""
FIELDS = {"users": ("name", "country"), "arrays": ()}


class FeedServer:
    """A scripted server of the feeds users and arrays."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        """The request of each connection, in order."""
        self.reports: list[Report] = []
        """Every received report, including repeated ones."""
        self.stored: dict[int, Report] = {}
        """The reports that were acknowledged, by block."""
        self.explained: list[Explained] = []
        """Every received part of an explanation."""
        self.byes = 0
        self.pongs = 0
        """The number of answered pings."""
        self.answers_pings = True
        self.ahead_us = 0
        """The lead of its clock over the machine's, in microseconds."""
        self.is_deaf = False
        """Whether to read nothing from clients after their welcome."""
        self.acknowledges = True
        """Whether to store and acknowledge reports."""
        self.answers_bye = True
        """Whether to close the connection of a client that says bye."""
        self.refusals: dict[int, Failure | None] = {}
        """The answer to the first report of a block instead of an ack; None: no answer."""
        self.refusal: Farewell | None = None
        """The farewell that every connection gets instead of a welcome."""
        self.heartbeat = 5.0
        self.lines: dict[str, list[bytes]] = {"users": [], "arrays": []}
        self._sockets: dict[ServerConnection, Request] = {}
        self._changed = asyncio.Condition()
        self._server: Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"ws://127.0.0.1:{self.port}/"

    async def start(self) -> None:
        """Listen, on the previous port if there was one."""
        self._server = await serve(
            self._serve, "127.0.0.1", self.port, compression=None, close_timeout=1
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Drop every connection and stop listening."""
        self.drop()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until frames from clients make *holds* true."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(holds)

    def now_us(self) -> int:
        """Return the time on its clock."""
        return time.time_ns() // 1000 + self.ahead_us

    async def publish(
        self, feed: str, count: int, *, lost: int = 0, late_us: int | None = None
    ) -> None:
        """
        Add messages to *feed* and send all except the first *lost*.

        With *late_us* each was due that long before it is sent, so the load of the machine makes
        no difference; otherwise it was due long ago.
        """
        for index in range(count):
            offset = len(self.lines[feed]) + 1
            at = STARTED_US + offset * 1_000_000 if late_us is None else self.now_us() - late_us
            line = make_line(feed, offset, at, record(feed, offset))
            self.lines[feed].append(line)
            if index >= lost:
                for socket, request in list(self._sockets.items()):
                    if feed in request.feeds:
                        # A client that has just left receives it after reconnecting.
                        with suppress(ConnectionClosed):
                            await socket.send(line.decode())

    async def say(self, frame: Control) -> None:
        """Send a control to every client."""
        await self.say_text(codec.encode(frame.write()))

    async def say_text(self, text: str) -> None:
        """Send any text to every client."""
        for socket in list(self._sockets):
            await socket.send(text)

    def drop(self) -> None:
        """Break every connection without a close frame."""
        for socket in list(self._sockets):
            socket.transport.abort()
        self._sockets.clear()

    async def close(self, farewell: Farewell) -> None:
        """Say bye to every client and close."""
        for socket in list(self._sockets):
            await self._part(socket, farewell)

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        request = parse_request(urlsplit(socket.request.path).query)
        try:
            await self._note(lambda: self.requests.append(request))
            if self.refusal is not None:
                await self._part(socket, self.refusal)
                return
            await self._welcome(socket, request)
            if self.is_deaf:
                socket.transport.pause_reading()
            async for text in socket:
                await self._take(socket, str(text))
        except ConnectionClosed:
            pass
        finally:
            self._sockets.pop(socket, None)
            await self._note(lambda: None)

    async def _welcome(self, socket: ServerConnection, request: Request) -> None:
        after = {
            feed: request.after[feed].offset if feed in request.after else len(self.lines[feed])
            for feed in request.feeds
        }
        welcome = Welcome(
            session=request.session or "made-by-the-server",
            feeds={
                feed: FeedState(
                    epoch=EPOCH,
                    offset=after[feed],
                    head=len(self.lines[feed]),
                    rate=1.0,
                    running=True,
                    fields=FIELDS[feed],
                )
                for feed in request.feeds
            },
            blocks=max(self.stored, default=0),
            limits={"block_size": 100_000, "frame_bytes": 1_000_000},
            heartbeat=self.heartbeat,
        )
        await socket.send(codec.encode(welcome.write()))
        for feed, line in self._lines_after(after):
            await socket.send(line.decode())
            after[feed] += 1
        self._sockets[socket] = request
        await self._note(lambda: None)

    def _lines_after(self, sent: dict[str, int]) -> Iterator[tuple[str, bytes]]:
        """Yield the lines after *sent*, also those published meanwhile, until none is left."""
        while behind := [feed for feed, count in sent.items() if count < len(self.lines[feed])]:
            for feed in behind:
                yield feed, self.lines[feed][sent[feed]]

    async def _take(self, socket: ServerConnection, text: str) -> None:
        said = read_from_client(text)
        answer: Control | None = None
        if isinstance(said, Report):
            if said.block in self.refusals:
                answer = self.refusals.pop(said.block)
            elif self.acknowledges:
                self.stored[said.block] = said
                answer = Ack(block=said.block, verdict=self._judge(said))
            await self._note(lambda: self.reports.append(said))
        elif isinstance(said, Explained):
            await self._note(lambda: self.explained.append(said))
        elif isinstance(said, Ping) and self.answers_pings:
            answer = Pong(t0=said.t0, now=self.now_us())
        elif isinstance(said, Bye):
            self.byes += 1
            await self._note(lambda: None)
            if self.answers_bye:
                await socket.close(1000)
        if answer is not None:
            await socket.send(codec.encode(answer.write()))
        if isinstance(answer, Pong):
            await self._note(self._count_pong)

    def _count_pong(self) -> None:
        self.pongs += 1

    def _judge(self, report: Report) -> Verdict:
        """Return whether the digests match the published lines."""
        held = all(
            part.digest == format_digest(digest_of(self.lines[feed][part.first - 1 : part.last]))
            for feed, part in report.feeds.items()
        )
        return Verdict.VERIFIED if held else Verdict.BROKEN

    async def _note(self, change: Callable[[], Any]) -> None:
        async with self._changed:
            change()
            self._changed.notify_all()

    @property
    def connected(self) -> int:
        """The number of welcomed clients that are still connected."""
        return len(self._sockets)

    async def _part(self, socket: ServerConnection, farewell: Farewell) -> None:
        await socket.send(codec.encode(farewell.write()))
        await socket.close(farewell.code)


def record(feed: str, offset: int) -> bytes:
    """Return the record of *feed* at *offset*, as JSON."""
    if feed == "arrays":
        return b"[%d,%d]" % (offset, offset * 2)
    return b'{"name":"User %d","email":"u%d@example.org","country":"Nauru"}' % (offset, offset)
