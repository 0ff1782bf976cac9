import asyncio, sys, time
from websockets.asyncio.client import connect

SIZE = 5

async def main():
    url = f"{sys.argv[1]}?client=sized&feed=users&block_size={SIZE}"
    with open(sys.argv[2], "a", buffering=1) as f:
        while True:
            try:
                async with connect(url) as ws:
                    while True:
                        t = time.time()
                        for _ in range(SIZE):
                            f.write(str(await asyncio.wait_for(ws.recv(), 60)) + "\n")
                        d = time.time() - t
                        s = f"Client sized received {SIZE} block in {d:.2f} time"
                        await ws.send(s)
                        f.write(f"said {d:.2f} {s}\n")
            except Exception:
                await asyncio.sleep(1)

asyncio.run(main())
