# Needs: pip install blockfeed
import asyncio
import sys

from blockfeed.client import Gap, connect


async def main(url: str) -> None:
    async with connect(url, name="erin", feeds=["users"], block_size=5) as subscription:
        count = 0
        async for message in subscription:  # each offset once, in order, across restarts
            if isinstance(message, Gap):
                print(f"offsets {message.first} to {message.last} will never arrive")
                continue
            print(message.offset, message.data["name"])
            count += 1
            if count == 10:
                break
    print(subscription.verdicts)


asyncio.run(main(sys.argv[1] if sys.argv[1:] else "ws://127.0.0.1:8000/"))
