"""
The Python API for consumers; see `connect`.

    async with connect("ws://127.0.0.1:8000/", name="alice", feeds=["users"]) as subscription:
        async for message in subscription:
            ...
"""

from blockfeed._app.clientapp.api import (
    BadUsage,
    Block,
    ClientError,
    CouldNot,
    Gap,
    Message,
    NothingCame,
    Position,
    Refused,
    Subscription,
    connect,
)

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
