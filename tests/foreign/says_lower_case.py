import asyncio
import sys
import time

from websockets.asyncio.client import connect


async def run(url, path):
    total = 0
    with open(path, "a", buffering=1) as file:
        # The iterator of the library reconnects by itself.
        async for websocket in connect(url):
            try:
                received, started = 0, None
                async for message in websocket:
                    started = started or time.perf_counter()
                    file.write(f"{message}\n")
                    received += 1
                    if received % 5 == 0:
                        total += 1
                        took = round(time.perf_counter() - started, 2)
                        text = f"client lower received {total} blocks in {took} s time"
                        await websocket.send(text)
                        file.write(f"said {took} {text}\n")
                        started = None
            except Exception as error:
                print("oops", error)


asyncio.run(run(*sys.argv[1:]))
