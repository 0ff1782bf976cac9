# Needs: pip install blockfeed pytest websockets
import asyncio
import json
from typing import Any

from blockfeed.testing import Blockfeed
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


class Service:
    """The asyncio service under test: it counts countries, and survives restarts."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.offsets: list[int] = []
        self.countries: dict[str, int] = {}

    async def run(self, count: int) -> None:
        """Run until *count* messages were counted."""
        while len(self.offsets) < count:
            resume = f"&from={self.offsets[-1] + 1}" if self.offsets else ""
            try:
                async with connect(self.url + resume) as server:
                    while len(self.offsets) < count:
                        self.take(json.loads(await server.recv()))
            except (ConnectionClosed, OSError):
                await asyncio.sleep(0.1)

    def take(self, message: dict[str, Any]) -> None:
        self.offsets.append(message["offset"])
        country = message["data"]["country"]
        self.countries[country] = self.countries.get(country, 0) + 1


def test_service_survives_a_restart(blockfeed: Blockfeed) -> None:
    async def scenario() -> Service:
        service = Service(blockfeed.url("users", rate=100))
        running = asyncio.create_task(service.run(count=400))
        while not service.offsets:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(blockfeed.restart)
        await running
        return service

    service = asyncio.run(scenario())
    blockfeed.check("users", service.offsets)
    assert sum(service.countries.values()) == 400
