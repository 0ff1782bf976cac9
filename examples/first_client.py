# Needs: pip install websockets
import json
import time

from websockets.sync.client import connect

with connect("ws://127.0.0.1:8000/?client=dave&block_size=3") as server:
    for block in (1, 2):
        times = []
        for _ in range(3):
            message = json.loads(server.recv())
            times.append(time.monotonic())
            print(message["offset"], message["data"]["name"])
        server.send(f"Client dave received {block} block in {times[-1] - times[0]:.3f} time")
