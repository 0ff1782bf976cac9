# no libraries: a socket, RFC 6455 by hand, no pong and no close
import base64, os, socket, struct, sys, time
from urllib.parse import urlsplit

u = urlsplit(sys.argv[1])
out = open(sys.argv[2], "a", buffering=1)

def read(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data

def recv(s):
    while True:
        head = read(s, 2)
        size = head[1]
        if size == 126:
            size = struct.unpack(">H", read(s, 2))[0]
        elif size == 127:
            size = struct.unpack(">Q", read(s, 8))[0]
        data = read(s, size)
        if head[0] & 15 == 1:
            return data.decode()

def send(s, text):
    data, mask = text.encode(), os.urandom(4)
    s.sendall(bytes([0x81, 0x80 | len(data)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

n = 0
while True:
    try:
        s = socket.create_connection((u.hostname, u.port))
        key = base64.b64encode(os.urandom(16)).decode()
        s.sendall((f"GET / HTTP/1.1\r\nHost: {u.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += read(s, 1)
        while True:
            t = time.time()
            for i in range(12):
                out.write(recv(s) + "\n")
            n += 1
            took = time.time() - t
            text = f"Client Bare-1 received {n} block in {took!r}s time"
            send(s, text)
            out.write(f"said {took} {text}\n")
    except (OSError, EOFError):
        time.sleep(1)
