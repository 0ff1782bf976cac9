"""
One event loop's connection to the Redis or Valkey server of the layer.

Invariant: whenever the server is available, all wanted channels get subscribed without a caller's
help, and no caller waits longer than a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from feeds.running.cancelling import heed_cancellation
from feeds.running.outages import OUTAGES, Outage

log = logging.getLogger(__name__)

ANSWER_SECONDS = 1.0
"""Longest wait of a caller: lost messages are regenerated or requested again."""
RETRY_SECONDS = 0.5
"""Interval between attempts to reach an unavailable server."""
SILENCE_SECONDS = 5.0
"""Silence after which a server is pinged; after twice as long, the link reconnects."""


class LayerUnavailable(ConnectionError):
    """A message may not have been published; the text gives the reason."""


class Link:
    """
    The connections to the server: one to publish, one for the wanted channels.

    *locate* makes sure that a server is running and returns its address. It may
    block, raises OSError, and is called again after each connection loss.
    *take* is called with the channel and data of each received message.
    """

    def __init__(self, locate: Callable[[], str], take: Callable[[str, bytes], None]) -> None:
        self._locate = locate
        self._take = take
        self._redis: Redis | None = None
        self._located = False
        self._locating: asyncio.Future[str] | None = None
        self._publishing = asyncio.Lock()
        self._wanted: dict[str, asyncio.Event] = {}
        """The wanted channels, and whether the server has ever confirmed each."""
        self._pubsub: PubSub | None = None
        """The receiving connection; None while there is none."""
        self._listener: asyncio.Task[None] | None = None

    async def publish(self, channel: str, data: bytes) -> None:
        """
        Publish in the order of the calls; raises LayerUnavailable.

        If it returns, the message was sent to all processes subscribed at that moment.
        """
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._publishing:
                redis = await self._connect()
                await redis.publish(channel, data)
        except (RedisError, OSError) as error:
            self._located = False
            reason = str(error) or f"no answer within {ANSWER_SECONDS:g} s"
            raise LayerUnavailable(f"the channel layer is unreachable: {reason}") from error

    async def subscribe(self, channel: str) -> None:
        """
        Receive the messages published to *channel*, from now on.

        Returns once the server has confirmed the subscription, or after a second;
        then the subscription follows later.
        """
        if channel in self._wanted:
            return
        confirmed = self._wanted[channel] = asyncio.Event()
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="channel layer")
        # Suppress any error of the driver in an outage: the listener subscribes again later.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(ANSWER_SECONDS):
                if self._pubsub is not None:
                    await self._pubsub.subscribe(channel)
                await confirmed.wait()

    async def unsubscribe(self, channel: str) -> None:
        """
        Stop receiving from *channel*; do nothing if it is not subscribed.

        The server is told only when it next sends a message on the channel, so this
        needs no connection and cannot fail.
        """
        self._wanted.pop(channel, None)

    async def flush(self) -> None:
        """Forget the wanted channels and close the connections."""
        self._wanted.clear()
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
            self._listener = None
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None

    async def _connect(self) -> Redis:
        """Return the client; after a connection loss, locate the server first."""
        if not self._located or self._redis is None:
            if self._locating is None or self._locating.done():
                loop = asyncio.get_running_loop()
                self._locating = loop.run_in_executor(None, self._locate)
                # Retrieve the error of a failure that nobody awaits any more.
                self._locating.add_done_callback(lambda done: done.cancelled() or done.exception())
            address = await asyncio.shield(self._locating)
            self._located = True
            self._redis = self._redis or Redis.from_url(
                address,
                socket_timeout=ANSWER_SECONDS,
                socket_connect_timeout=ANSWER_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        return self._redis

    async def _listen(self) -> None:
        """Receive for as long as the loop runs; reconnect after each loss."""
        away = False
        while True:
            heed_cancellation()
            try:
                async with (await self._connect()).pubsub() as pubsub:
                    await pubsub.connect()
                    self._pubsub = pubsub
                    await pubsub.subscribe(*self._wanted)
                    if away:
                        log.info("the channel layer is reachable again")
                    away = False
                    OUTAGES.end("layer")
                    await self._receive(pubsub)
            except Exception as error:  # noqa: BLE001  retry after any error of the driver
                if not away:
                    log.warning("the channel layer is unreachable, trying again: %s", error)
                away = True
                OUTAGES.begin(
                    "layer",
                    Outage(
                        what="The channel layer is unreachable",
                        cause=str(error),
                        then="messages arrive up to 1 s late.",
                    ),
                )
            finally:
                self._pubsub = None
                self._located = False
            await asyncio.sleep(RETRY_SECONDS)

    async def _receive(self, pubsub: PubSub) -> None:
        """Pass received messages on until the connection fails."""
        silent = False
        while True:
            heed_cancellation()
            message = await pubsub.get_message(timeout=SILENCE_SECONDS)
            match message:
                case None if silent:
                    raise ConnectionError("the server does not answer")
                case None:
                    await pubsub.ping()
                case {"type": "subscribe", "channel": bytes(name)}:
                    if confirmed := self._wanted.get(name.decode()):
                        confirmed.set()
                case {"type": "message", "channel": bytes(name), "data": bytes(data)}:
                    channel = name.decode()
                    if channel in self._wanted:
                        self._take(channel, data)
                    else:
                        await pubsub.unsubscribe(channel)
            silent = message is None
