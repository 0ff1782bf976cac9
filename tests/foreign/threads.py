"""One thread reads, another one counts and answers."""
import datetime, queue, sys, threading, time
from websockets.sync.client import connect

url, path = sys.argv[1:]
out = open(path, "a", buffering=1)
lock = threading.Lock()

def write(line):
    with lock:
        out.write(line + "\n")

def reader(ws, q):
    try:
        for message in ws:
            write(message)
            q.put(datetime.datetime.now())
    except Exception:
        pass
    q.put(None)

number = 0
while True:
    try:
        ws = connect(url)
    except OSError:
        time.sleep(0.5)
        continue
    q = queue.Queue()
    threading.Thread(target=reader, args=(ws, q), daemon=True).start()
    times = []
    while (at := q.get()) is not None:
        times.append(at)
        if len(times) == 4:
            number += 1
            took = times[-1] - times[0]
            text = f"Client threads received {number} block in {took} time"
            try:
                ws.send(text)
            except Exception:
                break
            write(f"said {took.total_seconds()} {text}")
            times = []
    time.sleep(0.5)
