"""
A proxy between clients and a server that applies faults to their frames.

It knows frames, not only bytes: it parses, unmasks and frames them again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator

from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from tests.support.faults import CutError, Faults
from tests.support.relay import Relay


class FaultProxy(Relay):
    """One port in front of a server of this machine."""

    def __init__(self, port: int, faults: Callable[[], Faults]) -> None:
        """Forward to *port*; *faults* returns the faults of each new connection."""
        super().__init__()
        self._server_port = port
        self._faults = faults

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward both directions, as the faults allow."""
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.transport.abort()
            return
        faults = self._faults()
        up = _Pipe(reader, to_server, faults.from_client, masked=True)
        down = _Pipe(from_server, writer, faults.from_server, masked=False)
        for pipe, other in ((up, down), (down, up)):
            self.start(pipe.run(other))


class _Pipe:
    """One direction of one connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        change: Callable[[bytes], list[bytes]],
        *,
        masked: bool,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._change = change
        self._masked = masked

    async def run(self, other: _Pipe) -> None:
        """Forward data until the end, and then the end itself."""
        try:
            self._writer.write(await self._reader.readuntil(b"\r\n\r\n"))
            frames = FrameReader(masked=self._masked)
            while data := await self._reader.read(65536):
                self._writer.write(b"".join(map(self._pass, frames.read(data))))
                await self._writer.drain()
        except (OSError, EOFError):
            pass
        except CutError:
            # Both ends notice it, and data in transit is lost.
            self._writer.transport.abort()
            other._writer.transport.abort()
        finally:
            self._writer.close()

    def _pass(self, frame: Frame) -> bytes:
        """Return the bytes that arrive instead of *frame*."""
        if frame.opcode is not Opcode.TEXT:
            return frame.serialize(mask=self._masked)
        return b"".join(
            Frame(Opcode.TEXT, text).serialize(mask=self._masked)
            for text in self._change(bytes(frame.data))
        )


class FrameReader:
    """The library's frame parser, fed with bytes as they arrive."""

    def __init__(self, *, masked: bool) -> None:
        self._bytes = StreamReader()
        self._found: list[Frame] = []
        self._parser = self._parse(masked=masked)

    def read(self, data: bytes) -> list[Frame]:
        """Return the frames that *data* completes."""
        self._bytes.feed_data(data)
        next(self._parser)
        found, self._found = self._found, []
        return found

    def _parse(self, *, masked: bool) -> Generator[None, None, None]:
        while True:
            frame = yield from Frame.parse(self._bytes.read_exact, mask=masked)
            self._found.append(frame)
