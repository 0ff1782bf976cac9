"""Bad input for every interface, from a seed: partly valid, or not at all."""

from __future__ import annotations

import json
from random import Random
from typing import Any
from urllib.parse import quote

from clientapp.wire.request import PARAMETERS
from tests.support.session import report

FRAMES = [
    json.loads(report()),
    {"type": "ping", "t0": 1},
    {"type": "bye"},
    {"type": "ack", "block": 1},
    {"type": "welcome", "session": "0123456789abcdef"},
]
TEXTS = [
    "",
    "users",
    "arrays",
    "\0",
    "\x1b[2J",
    "\u202e",
    "é" * 40,
    "\U0001f600",
    "a" * 65,
    "../../etc/passwd",
    "%s%n",
    "{{7*7}}",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "0123456789abcdef",
    "users:0123456789ab:1",
    f"arrays:{'f' * 12}:{2**53}",
]
NUMBERS = [0, 1, -1, 3, 2**31, 2**53, 2**63, 2**64, 10**400, 0.5, -0.0, 1e308, True, None]
METHODS = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW", "get", ""]
PATHS = ["/", "/status.json", "/admin/", "/admin/login/", "/static/", "/static/../db", "//", "/%00"]
HEADERS = ["Host", "Content-Length", "Content-Type", "Cookie", "Upgrade", "Connection", "Origin"]
HANDSHAKE = ["Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol"]


class Nonsense:
    """A sequence of bad inputs; the same seed gives the same sequence."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def frame(self) -> str | bytes:
        """Return the payload of a WebSocket frame: text, or bytes for binary."""
        match self.random.randrange(8):
            case 0:
                return self.random.randbytes(self.random.randrange(200))
            case 1:
                return self.text()
            case 2:
                deep = self.random.choice(["[", '{"a":', '{"type":"report","feeds":'])
                return deep * self.random.randrange(1, 9000)
            case 3:
                return "Client " + self.text() + f" received {self.value(1)} block in 1 s time"
        return self._spoilt_json()

    def query(self) -> str:
        """Return the query string of a URL."""
        pairs = []
        for _ in range(self.random.randrange(5)):
            name = self.random.choice([*PARAMETERS, *PARAMETERS, self.text()])
            pairs.append(f"{quote(name)}={self._percent(str(self.value(1)))}")
        if self.random.random() < 0.02:
            pairs.append("x" * 9000)
        return "&".join(pairs)

    def request(self) -> bytes:
        """Return a first request as a broken browser may send it, or random bytes."""
        if self.random.random() < 0.1:
            return self.random.randbytes(self.random.randrange(1, 400))
        pick = self.random.choice
        path = pick([*PATHS, "/" + quote(self.text()), "/?" + self.query(), self.text()])
        lines = [f"{pick(METHODS)} {path} {pick(['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'X'])}"]
        if self.random.random() < 0.8:
            lines.append(f"Host: {pick(['127.0.0.1', 'localhost', 'evil.example', self.text()])}")
        if self.random.random() < 0.4:
            lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
            lines.append("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
        for _ in range(self.random.randrange(4)):
            lines.append(f"{pick([*HEADERS, *HANDSHAKE, self.text()])}: {self.value(1)}")
        if self.random.random() < 0.05:
            lines.append("X-Long: " + "x" * self.random.randrange(100_000))
        head = "\r\n".join(lines) + "\r\n\r\n"
        return head.encode("utf-8", "replace") + self.random.randbytes(self.random.randrange(50))

    def text(self) -> str:
        """Return text that a person may have meant."""
        if self.random.random() < 0.5:
            return self.random.choice(TEXTS)
        count = self.random.randrange(30)
        return "".join(chr(self.random.randrange(0xD800)) for _ in range(count))

    def value(self, depth: int = 3) -> Any:
        """Return a JSON value."""
        match self.random.randrange(4 if depth > 1 else 2):
            case 0:
                return self.text()
            case 1:
                return self.random.choice(NUMBERS)
            case 2:
                return [self.value(depth - 1) for _ in range(self.random.randrange(4))]
        return {self.text(): self.value(depth - 1) for _ in range(self.random.randrange(4))}

    def _spoilt_json(self) -> str:
        frame = json.loads(json.dumps(self.random.choice(FRAMES)))
        for _ in range(self.random.randrange(4)):
            place = frame
            key = self.random.choice([*place, "other"])
            while isinstance(place.get(key), dict) and place[key] and self.random.random() < 0.6:
                place = place[key]
                key = self.random.choice([*place, "other"])
            if self.random.random() < 0.7:
                place[key] = self.value()
            else:
                place.pop(key, None)
        text = json.dumps(frame)
        if self.random.random() < 0.2:
            cut = self.random.randrange(len(text))
            text = (
                text[:cut] + self.random.choice(["", "NaN", "1e999", "\\ud800", "}"]) + text[cut:]
            )
        return text

    def _percent(self, text: str) -> str:
        return text if self.random.random() < 0.05 and text.isascii() else quote(text)
