"""
A separate terminal in which a program runs and receives key presses.

Ctrl-C in a terminal reaches every process of the program at once, unlike a
signal sent to one process; and programs draw only if they see a terminal.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pyte

from tools.waiting import PATIENCE_SECONDS, until

# Makes the program the leader of a session with this terminal.
LOG_IN = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"


class TerminalWindow:
    """One program in a terminal of *width* and *height* characters."""

    def __init__(
        self,
        command: list[str],
        folder: Path,
        environment: Mapping[str, str],
        *,
        width: int = 200,
        height: int = 40,
        popen: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen,
    ) -> None:
        """Run *command* in *folder*; *popen* starts the process."""
        self._keys, screen = os.openpty()
        os.set_blocking(self._keys, False)
        self._said = b""
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)
        self.process = popen(
            [sys.executable, "-c", LOG_IN, *command],
            cwd=folder,
            env={
                **environment,
                "TERM": "xterm-256color",
                "COLUMNS": str(width),
                "LINES": str(height),
            },
            stdin=screen,
            stdout=screen,
            stderr=screen,
        )
        os.close(screen)

    @property
    def said(self) -> str:
        """All output so far, with its control sequences."""
        self._read()
        return self._said.decode("utf-8", errors="replace")

    @property
    def screen(self) -> list[str]:
        """The lines on the screen now, without empty ones."""
        self._read()
        return [line for text in self._screen.display if (line := text.rstrip())]

    @property
    def cells(self) -> list[list[pyte.screens.Char]]:
        """The characters on the screen now, line by line, with their styles."""
        self._read()
        columns = range(self._screen.columns)
        return [
            [self._screen.buffer[row][column] for column in columns]
            for row in range(self._screen.lines)
        ]

    def wait_for(self, words: str) -> None:
        """Wait until the output contains *words*."""
        until(lambda: words in self.said, lambda: f"{words!r} is not in the output:\n{self.said}")

    def press_ctrl_c(self) -> None:
        """Press Ctrl-C once; nothing happens if the program has ended."""
        self.press("\x03")

    def press(self, key: str) -> None:
        """Press *key*, a character; nothing happens if the program has ended."""
        with suppress(OSError):
            os.write(self._keys, key.encode())

    def keep_pressing_ctrl_c(self) -> None:
        """Press Ctrl-C repeatedly until the program has ended."""

        def has_ended() -> bool:
            self.press_ctrl_c()
            return self._has_ended()

        until(has_ended, lambda: f"it did not end:\n{self.said}")

    def wait(self) -> int:
        """Wait until the program has ended; return its exit code."""
        until(self._has_ended, lambda: f"it did not end:\n{self.said}")
        return self.process.wait()

    def others(self) -> list[str]:
        """Return the processes left in its session, one line each."""
        listed = subprocess.run(
            ["ps", "-A", "-o", "sid=,pid=,args="],  # noqa: S607  wherever it is installed
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_SECONDS,
        )
        lines = listed.stdout.splitlines()
        return [line for line in lines if int(line.split()[0]) == self.process.pid]

    def close(self) -> None:
        """End the program, and close the terminal."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._keys)

    def _has_ended(self) -> bool:
        self._read()  # a program blocks if its output is not read
        return self.process.poll() is not None

    def _read(self) -> None:
        # Raised if there is no output yet, or the program has closed the terminal.
        with suppress(OSError):
            while some := os.read(self._keys, 65536):
                self._said += some
                self._stream.feed(some)
