"""HTTP requests that no library would send, over a socket of their own."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tools.waiting import PATIENCE_SECONDS

PAUSE_SECONDS = 0.05
"""Pause between two bytes of a slow sender."""


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    """0 if the server closed the connection without an answer."""
    headers: str
    body: str


class RawHttp:
    """One connection to a server on this machine."""

    def __init__(self, port: int) -> None:
        """Connect."""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, data: str) -> None:
        """Send characters, one byte each."""
        self.socket.sendall(data.encode("latin-1"))

    def drip(self, data: Iterator[str]) -> Answer:
        """Send one byte after the other until the server answers or closes."""
        for byte in data:
            self.send(byte)
            if select.select([self.socket], [], [], PAUSE_SECONDS)[0]:
                return self.answer()
        raise AssertionError("the data ended before an answer")

    def answer(self) -> Answer:
        """Read one response with a known length, or the end of the connection."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.socket.recv(1)
            if not more:
                assert not data, data
                return Answer(0, "", "")
            data += more
        head = data.decode("latin-1")
        lengths = [
            int(line.partition(":")[2])
            for line in head.splitlines()
            if line.lower().startswith("content-length:")
        ]
        body = b""
        while len(body) < sum(lengths):
            body += self.socket.recv(sum(lengths) - len(body))
        return Answer(int(head[9:12]), head, body.decode())


def request(method: str, *headers: str, path: str = "/") -> str:
    """Return the line and the headers of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""])
