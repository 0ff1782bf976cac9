"""Running installations that many tests share and must leave as they were."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

from websockets.sync.client import connect

from tests.support.stack import PATIENCE_SECONDS, Program, Stack, until

HAND_WRITTEN = "Hello from a client of my own"
RATE = 20
"""The rate of each feed, in messages per second."""
STORED = """
SELECT (SELECT count(*) FROM feeds_clientmessage), count(*)
FROM feeds_blockreport JOIN feeds_clientsession s ON s.id = session_id WHERE client = 'carol'
"""


class BusyStack(Stack):
    """
    A complete running installation: a server, a generator, and clients of every kind.

    Tests look at it. They may connect clients under names of their own, and change a feed if they
    change it back. They stop nothing that they did not start.
    """

    alice: Program
    """A client that collects blocks of five for as long as the stack runs."""

    def begin(self) -> None:
        """Start everything; the caller must call `close`, even if this fails."""
        self.server()
        self.generator(f"--rate={RATE}")
        self.alice = self.client("alice", "--block-size=5")
        self.client("bob", "--block-size=100000")
        with connect(self.url) as guest:
            guest.send(HAND_WRITTEN)
            carol = self.client("carol", "--block-size=5", "--blocks=3")
            assert carol.process.wait(PATIENCE_SECONDS) == 0, carol.said
        self.alice.wait_for("Block 2 verified")
        until(
            lambda: self.rows(STORED) == [(1, 3)], lambda: f"the database has {self.rows(STORED)}"
        )


class ShakenStack(Stack):
    """A server and a generator, for tests that stop the server or break the database."""

    running: Program
    """The server that was started last."""

    def begin(self) -> None:
        """Start both; the caller must call `close`, even if this fails."""
        self.start_server()
        self.generator(f"--rate={RATE}")

    def start_server(self) -> None:
        """Start the server, for the first time or again."""
        self.running = self.server()

    def is_whole(self) -> bool:
        """Tell whether the server runs and has its tables."""
        try:
            self.rows("SELECT 1 FROM feeds_blockreport LIMIT 1")
        except sqlite3.OperationalError:
            return False
        return self.running.process.poll() is None


class ShakenStacks:
    """One `ShakenStack`, replaced if a test failed to leave it whole."""

    def __init__(self, folder: Path) -> None:
        """Keep the stacks below *folder*; the caller must call `close`."""
        self._folder = folder
        self._started = 0
        self._current: ShakenStack | None = None
        self._opened = ExitStack()

    def whole(self) -> ShakenStack:
        """Return a stack that is whole."""
        if self._current is None or not self._current.is_whole():
            self.close()
            self._started += 1
            folder = self._folder / str(self._started)
            folder.mkdir()
            one = self._opened.enter_context(closing(ShakenStack(folder)))
            one.begin()
            self._current = one
        return self._current

    def close(self) -> None:
        """End the running stack."""
        self._current = None
        self._opened.close()
