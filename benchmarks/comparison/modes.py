"""The modes of the comparison: numbers of clients, rates and writes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One way to load a server."""

    name: str
    title: str
    clients: int
    rate: int = 0
    """Messages per second; 0: as fast as the server can."""
    frames: int = 1
    """Frames in one write."""
    is_idle: bool = False
    """Whether nothing is sent, and connections are counted."""
    is_for_all: bool = True
    """Whether peers take part, besides the limit and Blockfeed."""

    @property
    def is_saturated(self) -> bool:
        """Whether the server is saturated; then latency has no meaning."""
        return not self.rate and not self.is_idle


MODES = (
    Mode(
        name="saturated",
        title="As fast as it goes, one frame per write, 1,000 clients",
        clients=1000,
    ),
    Mode(name="saturated", title="The same, 100 clients", clients=100),
    Mode(
        name="backlog",
        title="A backlog: 50 frames per write, 1,000 clients",
        clients=1000,
        frames=50,
        is_for_all=False,
    ),
    Mode(name="paced", title="100 messages/s to 1,000 clients", clients=1000, rate=100),
    Mode(name="idle", title="1,000 clients connect and stay", clients=1000, is_idle=True),
    Mode(
        name="sessions",
        title="10 messages/s to 10,000 clients",
        clients=10_000,
        rate=10,
        is_for_all=False,
    ),
)
SMOKE_SECONDS = 0.5
"""Windows shorter than this make a smoke run: few clients, figures without meaning."""
SMOKE = (Mode(name="paced", title="100 messages/s to 20 clients", clients=20, rate=100),)
"""Proves that the comparison runs; its figures have no meaning."""
