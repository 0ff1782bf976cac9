import asyncio, sys, time
import websockets

URL, FILE, N = sys.argv[1], sys.argv[2], 3

async def main():
    out = open(FILE, "a", buffering=1)
    block = 0
    while True:
        try:
            async with websockets.connect(URL) as ws:
                while True:
                    start = time.time()
                    for i in range(N):
                        out.write(await ws.recv() + "\n")
                    block += 1
                    t = time.time() - start
                    s = f"Client 1 received {block} block in {t} time"
                    await ws.send(s)
                    out.write(f"said {t} {s}\n")
        except:
            await asyncio.sleep(1)

asyncio.run(main())
