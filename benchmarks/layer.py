"""
Connects and disconnects per second of the channel layer.

Measures a consumer's use of its private channel (create it, receive on it, be
cancelled) with the plain pub/sub layer of channels_redis and with ours, both on
one embedded server. Prints the ratio of each round.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from channels_redis.pubsub import RedisPubSubChannelLayer

from feeds.layer import valkey
from feeds.layer.channel_layer import FeedLayer

CONNECTS = 2000
ROUNDS = 3


async def connects_per_second(layer: Any) -> float:
    """Return the number of channels that *layer* opens and closes per second."""
    await layer.new_channel()
    started = time.perf_counter()
    for _ in range(CONNECTS):
        channel = await layer.new_channel()
        receiving = asyncio.create_task(layer.receive(channel))
        await asyncio.sleep(0)
        receiving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await receiving
    return CONNECTS / (time.perf_counter() - started)


async def main() -> None:
    """Print each round's figures."""
    with tempfile.TemporaryDirectory() as folder:
        address = valkey.acquire(folder)
        for _ in range(ROUNDS):
            plain = await connects_per_second(RedisPubSubChannelLayer(hosts=[address]))
            ours = await connects_per_second(FeedLayer(url=address))
            print(f"plain {plain:,.0f}/s, ours {ours:,.0f}/s, ratio {ours / plain:.1f}")


if __name__ == "__main__":
    asyncio.run(main())
