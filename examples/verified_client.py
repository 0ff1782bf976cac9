# Needs: pip install websockets
import json
import secrets
import sys
import time
import zlib

from websockets.sync.client import connect

SIZE = 3
url = sys.argv[1] if sys.argv[1:] else "ws://127.0.0.1:8000/"
url += f"?client=dora&block_size={SIZE}&session={secrets.token_hex(16)}"

with connect(url) as server:
    feed = json.loads(server.recv())["feeds"]["users"]  # the first frame is the welcome
    last, digest = feed["offset"], 0
    received: list[float] = []  # when each message came
    latencies: list[float] = []
    while len(received) < SIZE:
        line = server.recv(decode=False)
        frame = json.loads(line)
        if frame["type"] != "message":
            continue
        received.append(time.monotonic())
        latencies.append(time.time() - frame["at"] / 1_000_000)
        digest = (digest * 0x1E3779B97F4A7C15 + zlib.crc32(line) + 1) % (2**61 - 1)
        last = frame["offset"]
        print(last, frame["data"]["name"])

    seconds, now = received[-1] - received[0], time.time()
    users = {
        "epoch": feed["epoch"],
        "first": feed["offset"] + 1,
        "last": last,
        "count": SIZE,
        "digest": f"{digest:016x}",
        "gaps": 0,
        "duplicates": 0,
    }
    report = {
        "type": "report",
        "block": 1,
        "text": f"Client dora received 1 block in {seconds:.3f} s time",
        "feeds": {"users": users},
        "size": SIZE,
        "seconds": seconds,
        "started_at": int((now - seconds) * 1_000_000),
        "finished_at": int(now * 1_000_000),
        "latency": {
            "p50": sorted(latencies)[SIZE // 2],
            "p99": max(latencies),
            "max": max(latencies),
        },
        "interrupted": False,
    }
    server.send(json.dumps(report))
    while frame["type"] not in {"ack", "error"}:
        frame = json.loads(server.recv())
    print(frame)
