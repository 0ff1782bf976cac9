"""A channel layer that loses, duplicates and reorders batches, with a fixed seed."""

from __future__ import annotations

import random
from typing import Any

from feeds.layer.channel_layer import FeedLayer


class FaultyLayer(FeedLayer):
    """The project's layer, which mistreats about half of all batches."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._random = random.Random(3)
        self._held: list[tuple[str, dict[str, Any]]] = []
        """Batches that are sent after the next one."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Send the batch, lose it, duplicate it or delay it."""
        real = self._get_layer().group_send
        fate = self._random.choice(["lose", "double", "hold", "pass", "pass", "pass"])
        if not group.startswith("feed."):
            fate = "pass"
        held, self._held = self._held, []
        match fate:
            case "hold":
                self._held = [(group, message)]
            case "pass" | "double":
                await real(group, message)
        if fate == "double":
            await real(group, message)
        for late in held:
            await real(*late)
