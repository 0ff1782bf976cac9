"""
Daphne with our own WebSockets, and a stop without loss.

Daphne stops by cancelling its applications: it sends no close frame, and they
cannot finish their work. `FeedServer.drain` notifies every client, waits for
every application to end, and stores every fact.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from daphne.server import Server
from django.conf import settings
from twisted.internet import defer, reactor

from clientapp.wire.closing import Close
from feeds.core.form import form_of
from feeds.core.limits import LIMITS, SPARE_FILES
from feeds.core.peer import NO_PORT, forwarded_host
from feeds.daphne import kernel
from feeds.daphne.arrival import ArrivalFactory, scope_of
from feeds.daphne.cancellation import ignore_cancelled
from feeds.daphne.requests import hand_over
from feeds.daphne.unixport import UnixPort
from feeds.daphne.websocket import WebSocket
from feeds.running.stops import heeded_stops
from feeds.running.worker import SWITCH_SECONDS
from feeds.serving.node import get_node, stop_node
from feeds.serving.probes import DRAINING
from feeds.storing.clerk import Clerk
from feeds.websocket.handshake import Opening

log = logging.getLogger("feeds.daphne.server")

SAME_SIGNAL_SECONDS = 1.0
"""Two signals within this time count as one request to stop."""
AWAY_SECONDS = 0.5
"""Shortest time that a restart takes."""
LOOK_SECONDS = 2.0
"""Interval between checks for stalled connections, the same as Daphne's."""
LOOKED_AT = 50
"""Connections checked in one turn of the loop: 0.1 ms. Ten thousand take 24 ms."""
GARBAGE_OBJECTS = 5000
"""New objects before a garbage collection. A full collection then happens about once in 3,000 new
connections, and takes 0.2 s while 5,000 are open. With Python's default of 700 it happened about
once in 1,000, and took a fifth of the time when many clients connected. Uncollected garbage takes
about 50 MB."""
AT_ONCE = 100
"""Farewells sent in one turn of the loop: about 10 ms."""


class FeedServer(Server):  # type: ignore[misc]  # daphne is not typed
    """Daphne's server with our WebSockets, and a drain instead of a kill."""

    def __init__(self, application: Any, **options: Any) -> None:
        """Serve *application*; in the main thread, let stop signals start a drain from now on."""
        options |= {"signal_handlers": False}
        options["request_buffer_size"] = (
            LIMITS.body_bytes + 1
        )  # so that it is passed on in one part
        # The settings know the path prefix; Channels' router would fail outside of it.
        options["root_path"] = ""
        options |= {"ready_callable": self._prepare, "endpoints": ["see listen_at"]}
        super().__init__(self._serve, **options)
        self.endpoints: list[str] = []  # Daphne requires one, and opens sockets for it
        self._application = application
        self.exit_code = 0
        self._limits = LIMITS
        self._sockets: list[socket.socket] = []
        self._ports: list[Any] = []
        self._websockets: set[WebSocket] = set()
        """The connections whose application has not ended."""
        self._draining_since: float | None = None
        self._return_seconds = 0.0
        if threading.current_thread() is threading.main_thread():
            self._drain_on_signals()

    def listen_at(self, listener: socket.socket) -> None:
        """Take over a listening, non-blocking socket; call this before `run`."""
        self._sockets.append(listener)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start the application of an HTTP request."""
        self._correct(scope)
        protocol.client_addr = scope["client"]
        return super().create_application(protocol, scope)

    def open_websocket(self, transport: Any, opening: Opening, rest: bytes) -> None:
        """Serve a WebSocket over *transport*, whose client has already sent *rest*."""
        scope = scope_of(opening, transport)
        self._correct(scope)
        one = WebSocket(self, transport, opening.key, form_of(scope))
        hand_over(transport, one)
        scope["extensions"] = {"blockfeed.writer": one.line}
        self._websockets.add(one)
        one.task = asyncio.get_running_loop().create_task(
            self._application(scope, one.receive, one.send)
        )
        one.task.add_done_callback(partial(self._ended, one))
        if rest:
            one.dataReceived(rest)

    def opened(self, one: WebSocket) -> None:
        """Serve *one*, an accepted connection, or close it at once if the server is stopping."""
        if self._draining_since is not None:
            self._dismiss(one)

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Pass on what an application sends; a part of a response waits for room in the socket."""
        await super().handle_reply(protocol, message)
        if message.get("more_body"):
            await protocol.writable()

    def drain(self, exit_code: int = 0) -> None:
        """
        End every connection with a reason, store every fact, and stop.

        Must be called in the reactor's thread. A second call stops at once, unless
        it comes with the first: a terminal and a parent process may both pass on
        the same Ctrl-C.
        """
        now = time.monotonic()
        if self._draining_since is not None:
            if now - self._draining_since > SAME_SIGNAL_SECONDS:
                self.exit_code = 1
                self.stop()
            return
        self._draining_since = now
        self.exit_code = exit_code
        self._end = asyncio.ensure_future(self._drain())

    def timeout_checker(self, left: Iterator[Any] | None = None) -> None:
        """Check some connections per turn of the loop; Daphne checks all in one."""
        if left is None:
            left = iter([*self.connections, *self._websockets])
        some = list(islice(left, LOOKED_AT))
        for one in some:
            if isinstance(one, WebSocket):
                one.check()
            elif one in self.connections:
                one.check_timeouts()
        loop = asyncio.get_running_loop()
        if some:
            loop.call_soon(self.timeout_checker, left)
        else:
            loop.call_later(LOOK_SECONDS, self.timeout_checker)

    def kill_all_applications(self) -> Any:
        """Cancel the remaining applications; Daphne's own method fails after any upgrade."""
        left = self._running_applications()
        for task in left:
            task.cancel()
        return defer.Deferred.fromFuture(asyncio.gather(*left, return_exceptions=True))

    async def _serve(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer an HTTP request."""
        if self._draining_since is not None:
            scope.setdefault("extensions", {})[DRAINING] = True
        await self._application(scope, receive, send)

    def _correct(self, scope: dict[str, Any]) -> None:
        """Put the client's address into *scope*, as the nearest proxy reports it."""
        # Daphne's own option would trust the header's first entry, which the client can forge.
        if settings.BEHIND_TLS_PROXY and (host := forwarded_host(scope["headers"])):
            scope["client"] = [host, NO_PORT]

    def _ended(self, one: WebSocket, task: asyncio.Task[None]) -> None:
        """Forget *one*, whose application has ended; log its failure."""
        self._websockets.discard(one)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("Exception inside application: %s", error, exc_info=error)
        one.finish(error)

    async def _drain(self) -> None:
        for port in self._ports:
            port.stopListening()
        feeds = list(self._websockets)
        self._return_seconds = len(feeds) / LIMITS.returns_per_second
        for number, one in enumerate(feeds, 1):
            self._dismiss(one)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        clock = asyncio.get_running_loop().time
        end = clock() + LIMITS.drain_seconds
        # Ask again each time: a connection that was just opening is added later.
        while (open_ := self._running_applications()) and (seconds := end - clock()) > 0:
            await asyncio.wait(open_, timeout=seconds)
        is_kept = await stop_node()
        self.exit_code = self.exit_code or int(not is_kept)
        self.stop()

    def _dismiss(self, one: WebSocket) -> None:
        away = round(AWAY_SECONDS + random.random() * self._return_seconds, 3)
        one.farewell(Close.DRAIN, "the server stops", retry_after=away)

    def _running_applications(self) -> list[asyncio.Task[None]]:
        # HTTP requests that were upgraded stay listed without an application.
        requests = [
            details["application_instance"]
            for details in self.connections.values()
            if "application_instance" in details
        ]
        tasks = [*requests, *(one.task for one in self._websockets)]
        return [task for task in tasks if task is not None and not task.done()]

    def _prepare(self) -> None:
        """Finish what ``Server.run`` set up, just before the reactor runs."""
        sys.setswitchinterval(SWITCH_SECONDS)
        wanted = LIMITS.connections + SPARE_FILES
        files = kernel.allow_files(wanted)
        self._limits = replace(LIMITS, connections=max(1, files - SPARE_FILES))
        if files < wanted:
            log.warning(
                "this process may open %s files, so it serves at most %s connections; "
                "for more, raise the limit: ulimit -n %s",
                files,
                self._limits.connections,
                wanted,
            )
        # The 100,000 objects loaded by now are never garbage: exclude them from collections.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_OBJECTS)
        self.http_factory = ArrivalFactory(self, files)
        for listener in self._sockets:
            if listener.family == socket.AF_UNIX:
                port = UnixPort(listener, self.http_factory)
                port.startListening()
            else:
                number, family = listener.fileno(), listener.family
                port = reactor.adoptStreamPort(number, family, self.http_factory)
            self._ports.append(port)
            listener.close()  # Twisted has duplicated it
        reactor.callWhenRunning(lambda: asyncio.ensure_future(self._begin()))

    async def _begin(self) -> None:
        # Twisted calls the functions given to `callWhenRunning` before asyncio's loop runs.
        ignore_cancelled(asyncio.get_running_loop())
        await get_node(Clerk, self._limits)

    def _drain_on_signals(self) -> None:
        for number in heeded_stops():
            signal.signal(number, lambda *_: reactor.callFromThread(self.drain))
