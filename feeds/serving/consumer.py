"""
The consumer: Channels' view of one connection of a client.

It tracks the client in control groups (``clients``, ``clients.<feed>``) and
passes everything else to a `Conversation`. Data never passes through here,
and serving an existing feed never waits for the channel layer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from clientapp.wire import PLAIN_SUBPROTOCOL, SUBPROTOCOL
from clientapp.wire.closing import Close, fit_reason
from clientapp.wire.codec import encode
from clientapp.wire.errors import BadRequest
from clientapp.wire.from_server import Control, Failure, Farewell
from clientapp.wire.names import key_prefix
from clientapp.wire.printable import printable
from clientapp.wire.request import Request, parse_request
from feeds.access.gate import Visitor
from feeds.core import notices
from feeds.core.form import PLAIN, form_of
from feeds.core.limits import Limits
from feeds.core.peer import peer
from feeds.fanout.writers import SendWriter
from feeds.running.timelimit import at_most
from feeds.serving.caller import Caller
from feeds.serving.clientlog import ClientLog
from feeds.serving.conversation import Conversation
from feeds.serving.node import get_node
from feeds.serving.refusal import Forbidden, Refusal, Unavailable

log = logging.getLogger("feeds.clients")

CLOSED_WITHOUT_A_WORD = 1006
"""The code of a connection that ended without a close frame (RFC 6455, 7.1.5)."""


class FeedConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels is not typed
    """One connection of one client."""

    conversation: Conversation | None = None
    """The conversation; None until the request is granted, and if it is refused."""
    limits: Limits
    """The limits of its node; set at the first event."""
    request: Request | None = None
    form = PLAIN
    """The client's form; set at the first event."""
    sender: SendWriter | None = None
    """The writer, if the server does not provide one."""
    ended: tuple[int, str] | None = None
    """The close code and reason, if this side closed first."""
    visitor: Visitor | None = None
    """The client, from its check at the entrance until it leaves; otherwise None."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve; record the end even if an error or the server ends the connection."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._depart(CLOSED_WITHOUT_A_WORD, "")

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle one event without Channels' hop to a thread."""
        await getattr(self, get_handler_name(message))(message)

    async def websocket_connect(self, message: dict[str, Any]) -> None:
        """Accept the connection, then serve the request in its URL, or refuse it."""
        self.form = form_of(self.scope)
        offered = self.scope.get("subprotocols", ())
        chosen = (name for name in (SUBPROTOCOL, PLAIN_SUBPROTOCOL) if name in offered)
        await self.accept(next(chosen, None))
        node = await get_node()
        self.limits, self._entrance = node.limits, node.entrance
        came_from = peer(self.scope.get("client"))
        try:
            visitor = node.entrance.check(self.scope, self._read_url())
            self.request = visitor.request
            admission = await node.admit(self.request)
            node.entrance.enter(visitor, self._turn_away)
            self.visitor = visitor
        except Refusal as refusal:
            node.refusals[refusal.failure.code] += 1
            named = self.request.session if self.request else None
            whose = {"session": key_prefix(named)} if named else {}
            log.info("%s refused: %s", came_from, printable(str(refusal)), extra=whose)
            await self._tell(refusal.failure)
            await self._end(refusal.close, str(refusal), refusal.retry_after)
            return
        # feeds.daphne.server provides a writer; under other servers use ``send``.
        writer = self.scope.get("extensions", {}).get("blockfeed.writer")
        if writer is None:
            writer = self.sender = SendWriter(self.base_send)
        caller = Caller(
            request=self.request,
            key=admission.key,
            channel=self.channel_name,
            peer=came_from,
            log=ClientLog(admission.key, node.limits),
        )
        self.conversation = node.converse(caller, admission, self.form, writer)
        if not self.conversation.record_opening():
            unkept = Unavailable("this connection cannot be recorded")
            self.conversation.tell(unkept.failure)
            await self._end(unkept.close, str(unkept), unkept.retry_after)
            return
        await at_most(self.limits.layer_seconds, self._for_each_group(self.channel_layer.group_add))

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        """Handle one frame from the client; they are handled one at a time."""
        if self.conversation is None or self.ended is not None:
            return
        if self.sender is not None:
            # If the client does not read, wait: the answers would pile up.
            await self.sender.flush()
        text = message.get("text")
        if text is None:
            sentence = "a binary frame arrived; send text"
            self.conversation.refuse(Failure(code="binary", text=sentence, retryable=False))
        elif (size := len(text.encode())) > self.limits.frame_bytes:
            sentence = f"a frame of {size} bytes arrived; {self.limits.frame_bytes} are allowed"
            self.conversation.tell(Failure(code="too_large", text=sentence, retryable=False))
            await self._end(Close.LIMIT, sentence)
        elif not await self.conversation.receive(text):
            await self._end(Close.DONE, "the client left")
        await self._end_flood(self.conversation)

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        """Leave the hub first, then record the end, then leave the groups of the layer."""
        code, reason = message.get("code"), message.get("reason")
        if self._depart(code or CLOSED_WITHOUT_A_WORD, reason or ""):
            leave = self.channel_layer.group_discard
            await at_most(self.limits.layer_seconds, self._for_each_group(leave))
        raise StopConsumer

    async def session_replaced(self, message: dict[str, Any]) -> None:
        """End this connection: a newer one of its session took over."""
        await self._end(Close.REPLACED, "a newer connection of this session took over")

    async def client_removed(self, message: dict[str, Any]) -> None:
        """End this connection: an operator disconnected it (sent to its channel)."""
        await self._end(Close.REMOVED, notices.REMOVED)

    async def client_notice(self, message: dict[str, Any]) -> None:
        """Forward an operator's notice to the client (sent to its channel or a control group)."""
        if self.conversation is not None:
            self.conversation.notify(message["text"])

    def _read_url(self) -> Request:
        path, prefix = self.scope["path"], settings.PATH_PREFIX
        if path not in (f"{prefix}/", prefix):
            raise Forbidden(f"there is nothing at {path[:80]!r}; feeds are at {prefix}/")
        try:
            request = parse_request(self.scope["query_string"].decode())
        except UnicodeDecodeError:
            raise Forbidden("the query string cannot be read: it is not UTF-8") from None
        except BadRequest as refused:
            raise Forbidden(str(refused)) from None
        if request.session and not self.form.has_controls:
            raise Forbidden(
                f"session= needs the subprotocol {SUBPROTOCOL}; {PLAIN_SUBPROTOCOL} was offered"
            )
        return request

    async def _for_each_group(self, call: Callable[[str, str], Awaitable[None]]) -> None:
        """Make *call*, a method of the layer, for each of the control groups."""
        feeds = self.request.feeds if self.request else ()
        for group in ("clients", *(f"clients.{feed}" for feed in feeds)):
            await call(group, self.channel_name)

    def _turn_away(self, reason: str) -> None:
        """End this connection: its client is no longer allowed."""
        self._turning_away = asyncio.ensure_future(self._end(Close.DENIED, reason))

    async def _end_flood(self, conversation: Conversation) -> None:
        """End this connection if its client sent far too many refused messages."""
        if conversation.is_flooded and self.ended is None:
            sentence = f"over {self.limits.refusal_burst} texts or binary frames arrived too fast"
            conversation.tell(Failure(code="too_large", text=sentence, retryable=False))
            await self._end(Close.LIMIT, sentence)

    def _depart(self, code: int, reason: str) -> bool:
        """Leave the hub and record the end, once; return False if that was done before."""
        conversation, self.conversation = self.conversation, None
        if self.visitor is not None:
            self._entrance.leave(self.visitor)
            self.visitor = None
            self.ended = self.ended or (code, reason)  # `_turn_away` may still be running
        if conversation is None:
            return False
        conversation.stop_serving()
        conversation.record_end(*(self.ended or (code, reason)))
        return True

    async def _tell(self, control: Control) -> None:
        if self.form.has_controls:
            await self.send(text_data=encode(control.write()))

    async def _end(self, code: Close, reason: str, retry_after: float = 0.0) -> None:
        """Send the reason and close, without waiting for unsent data."""
        if self.ended is not None:
            return
        self.ended = (code, reason)
        farewell = Farewell(code=code, reason=reason, retry_after=retry_after)
        if self.conversation is None:
            await self._tell(farewell)
        else:
            self.conversation.stop_serving()
            self.conversation.tell(farewell)
            if self.sender is not None:
                await at_most(self.limits.layer_seconds, self.sender.flush())
        await self.close(int(code), fit_reason(reason))
