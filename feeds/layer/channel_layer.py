"""
The channel layer: groups and private channels between processes.

This is channels_redis' pub/sub layer, adapted to live sessions: connects and
disconnects need no round trip, and in an outage connects still succeed and callers
need not react (decision 0004). It delivers at most once: messages sent while the
server is unavailable, or before a member is subscribed, are lost.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Callable
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer
from channels_redis.utils import _wrap_close
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from redis.asyncio import ConnectionPool

from feeds.layer import valkey
from feeds.layer.link import Link
from feeds.running.mailbox import Mailbox

EMBEDDED = "embedded"


class FeedLayer(RedisPubSubChannelLayer):
    """
    The layer named in the settings: one per process, with a part per event loop.

    *url* is ``embedded`` or a ``redis://``, ``rediss://`` or ``unix://``
    address; *prefix* separates projects that share one server. Only `send`
    and `group_send` can fail, with LayerUnavailable and within a second.
    """

    def __init__(self, url: str = EMBEDDED, prefix: str = "blockfeed") -> None:
        super().__init__()
        self._locate = locate(url)
        self._prefix = prefix

    def _get_layer(self) -> LoopLayer:
        loop = asyncio.get_running_loop()
        layer: LoopLayer | None = self._layers.get(loop)
        if layer is None:
            layer = self._layers[loop] = LoopLayer(self, self._locate, self._prefix)
            _wrap_close(self, loop)
        return layer


class LoopLayer(RedisPubSubLoopLayer):
    """
    The part for one event loop: its channels, groups and link.

    All private channels of this node share one channel in Valkey or Redis, the node's own.
    The first line of a message to a private channel is the channel's name.
    """

    def __init__(self, layer: FeedLayer, locate: Callable[[], str], prefix: str) -> None:
        super().__init__(prefix=prefix, channel_layer=layer)
        self._shards = [Link(locate, self._take)]
        self._node = f"{prefix}.node.{uuid.uuid4().hex}"
        self._numbers = itertools.count(1)

    async def new_channel(self, prefix: str = "") -> str:
        """
        Return a new private channel, even while the server is unavailable.

        It ends when a `receive` on it is cancelled: Channels does not signal a
        consumer's end in any other way. *prefix* is required by Channels and ignored.
        """
        await self._shards[0].subscribe(self._node)
        channel = f"{self._node}!{next(self._numbers):x}"
        self.channels[channel] = Mailbox()
        return channel

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """Send *message* to a channel of any process; raises LayerUnavailable."""
        data = self.channel_layer.serialize(message)
        node, private, _ = channel.partition("!")
        if private:
            data = channel.encode() + b"\n" + data
        await self._shards[0].publish(node, data)

    async def receive(self, channel: str) -> dict[str, Any]:
        """Return the next message; on cancellation, remove the channel from its groups."""
        try:
            message: dict[str, Any] = await super().receive(channel)
        except asyncio.CancelledError:
            for group in [name for name, members in self.groups.items() if channel in members]:
                self.groups[group].remove(channel)
                if not self.groups[group]:
                    del self.groups[group]
                    await self._shards[0].unsubscribe(group)
            raise
        return message

    def _take(self, channel: str, data: bytes) -> None:
        if channel == self._node:
            name, _, data = data.partition(b"\n")
            channel = name.decode()
        for member in self.groups.get(channel, (channel,)):
            if member in self.channels:
                self.channels[member].put_nowait(data)


def locate(url: str) -> Callable[[], str]:
    """
    Return a function that returns the address of the server of *url*; it may block.

    Raises ImproperlyConfigured if *url* is not allowed.
    """
    if url == EMBEDDED:
        return lambda: valkey.acquire(str(settings.VAR_DIR))
    try:
        ConnectionPool.from_url(url).make_connection()  # type: ignore[no-untyped-call]
    except (TypeError, ValueError):
        # Do not repeat the address: it may contain a password.
        raise ImproperlyConfigured(
            "REDIS_URL must be 'embedded' or an address such as redis://HOST:6379, "
            "rediss://HOST:6379 or unix:///PATH"
        ) from None
    return lambda: url
