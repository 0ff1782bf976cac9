import sys, time
from websockets.sync.client import connect

file = open(sys.argv[2], "a", buffering=1)
while True:
    try:
        with connect(sys.argv[1] + "?client=again") as ws:
            begin = time.time()
            for i in range(3):
                file.write(ws.recv() + "\n")
            took = time.time() - begin
            sentence = f"Client again received 1 block in {took:.1f} sec time"
            ws.send(sentence)
            file.write(f"said {took:.1f} {sentence}\n")
    except Exception as e:
        print(e)
        time.sleep(1)
