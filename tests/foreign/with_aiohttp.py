import asyncio, sys, time, aiohttp

async def main(url, path):
    block = []
    number = 0
    with open(path, "a", buffering=1) as out:
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.ws_connect(url) as ws:
                        async for msg in ws:
                            if msg.type == aiohttp.WSMsgType.TEXT:
                                block.append((time.time(), msg.json()))
                                out.write(msg.data + "\n")
                                if len(block) == 10:
                                    number += 1
                                    ms = (block[-1][0] - block[0][0]) * 1000
                                    text = f"Client aio received {number} block in {ms:.3f}ms time"
                                    await ws.send_str(text)
                                    out.write(f"said {ms / 1000} {text}\n")
                                    block = []
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.5)

asyncio.run(main(*sys.argv[1:]))
