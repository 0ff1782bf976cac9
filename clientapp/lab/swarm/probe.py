"""A probe before a swarm: checks that the server answers, and gets the feeds' rates."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping

from ...connector import Connector
from ...core.protocol import ClientProtocol
from ...core.session import Session
from ...core.stamp import Stamp
from ...wire.codec import Json
from ...wire.from_server import Control
from ...wire.message import Message
from ...wire.welcome import Welcome

NAME = "swarm"


class Probe:
    """A client that leaves as soon as it is welcomed."""

    def __init__(self, url: str, feeds: tuple[str, ...]) -> None:
        session = Session(
            client=NAME,
            session=secrets.token_urlsafe(16),
            url=url,
            feeds=feeds,
            block_size=1,
        )
        self._protocol = ClientProtocol(session)
        self._connector = Connector(url, self._protocol, self, self, patient=False)
        self.due = asyncio.Event()
        self._rates: dict[str, float] = {}

    async def rates(self) -> Mapping[str, float]:
        """Return messages per second by feed; raises CouldNot and Refused."""
        await self._connector.run()
        return self._rates

    def received(self, frame: Message | Control, stamp: Stamp) -> None:
        """Read the rates from the welcome, and leave."""
        self._protocol.receive(frame)
        if isinstance(frame, Welcome):
            self._rates = {feed: state.rate for feed, state in frame.feeds.items()}
            self._connector.leave()

    def lost(self, reason: str) -> None:
        """Do nothing: the rates are known."""

    def waiting(self, reason: str, seconds: float, attempt: int) -> None:
        """Do nothing: the first attempt must succeed."""

    async def to_send(self) -> list[Json]:
        """Return nothing: a probe has no reports."""
        return []
