# Needs: pip install websockets
import json
import sys
import time

from websockets.sync.client import connect

url = sys.argv[1] if sys.argv[1:] else "ws://127.0.0.1:8000/"
with connect(f"{url}?client=dave&block_size=3") as server:
    for block in (1, 2):
        times = []
        for _ in range(3):
            message = json.loads(server.recv())
            times.append(time.monotonic())
            print(message["offset"], message["data"]["name"])
        server.send(f"Client dave received {block} block in {times[-1] - times[0]:.3f} time")
