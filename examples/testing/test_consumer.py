# Needs: pip install blockfeed pytest websockets
from blockfeed.testing import Blockfeed
from websockets.sync.client import connect


def collect(url: str, count: int) -> list[str | bytes]:
    """The consumer under test: it returns the first messages."""
    with connect(url) as server:
        return [server.recv() for _ in range(count)]


def test_every_message_arrives(blockfeed: Blockfeed) -> None:
    got = collect(blockfeed.url("users", rate=200), count=300)
    blockfeed.check("users", got)
