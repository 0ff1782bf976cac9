import sys, time, json
from websockets.sync.client import connect

f = open(sys.argv[2], "a", buffering=1)
i = 0
while True:
    try:
        with connect(sys.argv[1]) as ws:
            ws.send(json.dumps({"type": "hello", "name": "talker"}))
            last = time.time()
            for msg in ws:
                i += 1
                f.write(msg + "\n")
                ws.send("...")
                now = time.time()
                s = f"Client talker received {i} block in {now - last} time."
                ws.send(s)
                f.write(f"said {now - last} {s}\n")
                last = now
    except Exception:
        pass
    time.sleep(0.5)
