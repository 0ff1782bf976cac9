"""
One event loop's connection to the Redis or Valkey server of the layer.

Defends: what is wanted is subscribed whenever the server is there, without
anybody else's help, and no caller waits longer than a second for it.
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
"""No caller waits longer: what is published is made again, or asked again."""
RETRY_SECONDS = 0.5
"""Between two attempts to reach a server that is away."""
SILENCE_SECONDS = 5.0
"""A server that is silent for so long is pinged, and after twice that, left."""


class LayerUnavailable(ConnectionError):
    """A message may not have been published, for the reason in the text."""


class Link:
    """
    What is published to the server, and what is wanted of it.

    *locate* returns its address, after it has seen to it that a server is
    there; it may block, raises OSError, and is called again after each loss.
    *take* gets each message that comes: its channel and its data.
    """

    def __init__(self, locate: Callable[[], str], take: Callable[[str, bytes], None]) -> None:
        self._locate = locate
        self._take = take
        self._redis: Redis | None = None
        self._located = False
        self._locating: asyncio.Future[str] | None = None
        self._publishing = asyncio.Lock()
        self._wanted: dict[str, asyncio.Event] = {}
        """The channels, and whether the server has confirmed each once."""
        self._pubsub: PubSub | None = None
        """The connection that receives; None while there is none."""
        self._listener: asyncio.Task[None] | None = None

    async def publish(self, channel: str, data: bytes) -> None:
        """
        Publish in the order of the calls; raises LayerUnavailable.

        Without an error it went to whoever was subscribed at that moment.
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
        Want what is published to *channel*, from now on.

        Returns as soon as the server has confirmed it. Where that takes more
        than a second, it returns too, and the subscription follows later.
        """
        if channel in self._wanted:
            return
        confirmed = self._wanted[channel] = asyncio.Event()
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="channel layer")
        # Whatever the driver raises amid a loss: the listener then subscribes to all.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(ANSWER_SECONDS):
                if self._pubsub is not None:
                    await self._pubsub.subscribe(channel)
                await confirmed.wait()

    async def unsubscribe(self, channel: str) -> None:
        """
        Want *channel* no longer; nothing happens if nobody did.

        The server is told when it next sends something on it: so an end needs
        no connection, and cannot fail.
        """
        self._wanted.pop(channel, None)

    async def flush(self) -> None:
        """Forget what was wanted and close the connections."""
        self._wanted.clear()
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
            self._listener = None
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None

    async def _connect(self) -> Redis:
        """Return the client, after a loss not before the server was located."""
        if not self._located or self._redis is None:
            if self._locating is None or self._locating.done():
                loop = asyncio.get_running_loop()
                self._locating = loop.run_in_executor(None, self._locate)
                # Nobody may be waiting any more when it fails.
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
        """Receive for as long as the loop runs, over as many connections as it takes."""
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
            except Exception as error:  # noqa: BLE001  whatever the driver raises, go on
                if not away:
                    log.warning("the channel layer is unreachable, trying again: %s", error)
                away = True
                OUTAGES.begin(
                    "layer",
                    Outage(
                        what="The channel layer is unreachable",
                        cause=str(error),
                        then="messages come up to 1 s late.",
                    ),
                )
            finally:
                self._pubsub = None
                self._located = False
            await asyncio.sleep(RETRY_SECONDS)

    async def _receive(self, pubsub: PubSub) -> None:
        """Hand out what comes until the connection fails."""
        silent = False
        while True:
            heed_cancellation()
            message = await pubsub.get_message(timeout=SILENCE_SECONDS)
            match message:
                case None if silent:
                    raise ConnectionError("the server is silent")
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
