import sys
import time
import websocket   # websocket-client

count = 0
blocks = 0
start = 0
f = open(sys.argv[2], "a", buffering=1)

def on_message(ws, message):
    global count, blocks, start
    if count == 0:
        start = time.monotonic()
    count += 1
    f.write(message + "\n")
    if count == 6:
        blocks += 1
        count = 0
        took = time.monotonic() - start
        text = "Client Web Socket received %d block in %s seconds time" % (blocks, took)
        ws.send(text)
        f.write("said %s %s\n" % (took, text))

def on_error(ws, error):
    print(error)

def on_close(ws, code, msg):
    print("### closed ###", code, msg)

while True:
    ws = websocket.WebSocketApp(sys.argv[1], on_message=on_message, on_error=on_error, on_close=on_close)
    ws.run_forever()
    time.sleep(1)
