# Needs: pip install websockets
import argparse
import time
from pathlib import Path
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

parser = argparse.ArgumentParser()
parser.add_argument("--url", default="ws://127.0.0.1:8000/")
parser.add_argument("--name", default="bob")
parser.add_argument("--block-size", type=int, default=5)
parser.add_argument("--log", default="blocks.txt")
chosen = parser.parse_args()
url = chosen.url + "?" + urlencode({"client": chosen.name, "block_size": chosen.block_size})
code, number = 0, 0
while code != 1000 and code < 4500:  # 1000 and 4500 to 4999 mean: do not reconnect
    time.sleep(1 if code else 0)
    try:
        with connect(url) as server, Path(chosen.log).open("a", encoding="utf-8") as log:
            while True:
                lines, times = [], []
                for message in (server.recv() for _ in range(chosen.block_size)):
                    times.append(time.monotonic())
                    lines.append(f"{time.time():.6f} {message!s}\n")
                number, took = number + 1, times[-1] - times[0]
                sentence = f"Client {chosen.name} received {number} block in {took} time"
                print(*lines, sentence, sep="", file=log, flush=True)
                server.send(sentence)
    except ConnectionClosed:
        code, reason = server.close_code or 1006, server.close_reason
    except (OSError, InvalidHandshake) as failure:
        code, reason = 1006, str(failure)
    except KeyboardInterrupt:
        code, reason = 1000, "Ctrl-C"
    print("closed", code, reason, flush=True)
