"""
Messages from an operator to connected clients, over the channel layer.

A client is addressed by the channel name of its consumer, in any process. The
layer delivers at most once: when a call returns, the message was sent, but it
may not have been received.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from channels.layers import get_channel_layer

from feeds.core.limits import LIMITS
from feeds.layer.link import LayerUnavailable


async def disconnect(channels: Iterable[str]) -> None:
    """End the connections behind *channels*, each with a farewell; raises LayerUnavailable."""
    await _send(channels, {"type": "client.removed"})


async def notify(channels: Iterable[str], text: str) -> None:
    """Send *text* to the people at the clients behind *channels*; raises LayerUnavailable."""
    await _send(channels, {"type": "client.notice", "text": text})


async def _send(channels: Iterable[str], message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    try:
        async with asyncio.timeout(LIMITS.layer_seconds):
            for channel in channels:
                await layer.send(channel, message)
    except LayerUnavailable:
        raise
    except Exception as error:  # the errors depend on the driver
        reason = str(error) or f"no answer within {LIMITS.layer_seconds:g} s"
        raise LayerUnavailable(f"the channel layer is unreachable: {reason}") from error
