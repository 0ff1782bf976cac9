# Needs: pip install websockets
import json
import sys
from contextlib import suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

url = sys.argv[1] if sys.argv[1:] else "ws://127.0.0.1:8000/"
with suppress(ConnectionClosed, KeyboardInterrupt), connect(url) as server:
    server.send("Hey Server!")
    for message in map(json.loads, server):
        print(message["offset"], message["data"], flush=True)
print("closed", server.close_code, server.close_reason)
