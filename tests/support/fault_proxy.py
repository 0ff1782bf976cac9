"""
A proxy between clients and a server that does to their frames what a test says.

It knows frames, not only bytes: what passes is parsed, unmasked where a
client masked it, and framed again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Self

from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from tests.support.faults import CutError, Faults


class FaultProxy:
    """One port before a server of this machine, in a thread of its own."""

    def __init__(self, port: int, faults: Callable[[], Faults]) -> None:
        """Pass on to *port*; *faults* gives those of each new connection."""
        self.url = ""
        self._server_port = port
        self._faults = faults
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._pipes: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.start_server(self._connect, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.transport.abort()
            return
        # What a closed writer still holds would keep its transport open for ever.
        self._writers |= {writer, to_server}
        faults = self._faults()
        up = _Pipe(reader, to_server, faults.from_client, masked=True)
        down = _Pipe(from_server, writer, faults.from_server, masked=False)
        for pipe, other in ((up, down), (down, up)):
            task = asyncio.create_task(pipe.run(other))
            self._pipes.add(task)
            task.add_done_callback(self._pipes.discard)

    async def _end(self) -> None:
        self._server.close()
        for task in self._pipes:
            task.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)  # in which the transports close


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
        """Pass on what comes until the end, and the end too."""
        try:
            self._writer.write(await self._reader.readuntil(b"\r\n\r\n"))
            frames = FrameReader(masked=self._masked)
            while data := await self._reader.read(65536):
                self._writer.write(b"".join(map(self._pass, frames.read(data))))
                await self._writer.drain()
        except (OSError, EOFError):
            pass
        except CutError:
            # Both ends hear of it, and what is on its way is gone.
            self._writer.transport.abort()
            other._writer.transport.abort()
        finally:
            self._writer.close()

    def _pass(self, frame: Frame) -> bytes:
        """Return the bytes that arrive in place of *frame*."""
        if frame.opcode is not Opcode.TEXT:
            return frame.serialize(mask=self._masked)
        return b"".join(
            Frame(Opcode.TEXT, text).serialize(mask=self._masked)
            for text in self._change(bytes(frame.data))
        )


class FrameReader:
    """The library's parser of frames, fed with bytes as they come."""

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
