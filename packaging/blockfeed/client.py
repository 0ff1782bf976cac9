"""
The Python API for consumers; see `connect`.

    async with connect("ws://127.0.0.1:8000/", name="alice", feeds=["users"]) as subscription:
        async for message in subscription:
            ...
"""

from blockfeed._app.clientapp.api import *  # noqa: F403  the API is this list of names
from blockfeed._app.clientapp.api import __all__  # noqa: F401  also for type checkers
