# Needs: pip install websockets
import json
import sys

from websockets.sync.client import connect

url = sys.argv[1] if sys.argv[1:] else "ws://127.0.0.1:8000/"
with connect(url) as server:
    server.send("Hey Server!")
    for message in map(json.loads, server):
        if message["type"] == "message":
            print(message["offset"], message["data"], flush=True)
