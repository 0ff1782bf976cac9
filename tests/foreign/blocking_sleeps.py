import sys, time, websocket
url, path = sys.argv[1:]
f = open(path, "a", buffering=1)
n = 0
while True:
    try:
        ws = websocket.create_connection(url)
        while 1:
            t0 = time.time()
            data = []
            for _ in range(2):
                data.append(ws.recv())
                if not data[-1]: raise IOError("closed")
                f.write(data[-1] + "\n")
                time.sleep(0.02)          # "processing"
            n += 1
            t = "%e" % (time.time() - t0)
            s = f"CLIENT sleeper RECEIVED {n} BLOCK IN {t} TIME"
            ws.send(s)
            f.write(f"said {t} {s}\n")
    except:
        time.sleep(1)
