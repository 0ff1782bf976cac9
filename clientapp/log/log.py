"""The interface of all logs of a client."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from ..core.block import Block
from ..core.outbox import WINDOW
from ..core.session import Session
from ..core.stamp import Stamp
from ..wire.from_server import Ack
from ..wire.message import Message
from ..wire.report import Report
from .parse import LoggedBlock


class Log(Protocol):
    """
    The memory of a client: its session, its blocks and their verdicts.

    `BlockLog` keeps them in a file. Every method may raise CouldNot.
    """

    path: Path
    torn_bytes: int
    """Bytes cut off the end when the log was opened."""
    is_synced: bool
    """Whether reports must wait for `sync`."""

    @property
    def session(self) -> Session | None:
        """The session of new blocks; None in an empty log."""

    @property
    def last(self) -> LoggedBlock | None:
        """The last block of the session; None before its first."""

    @property
    def judged(self) -> int:
        """The highest block of the session with a verdict; 0 if there is none."""

    def begin(self, session: Session) -> None:
        """Begin a new session: all later blocks belong to it."""

    def format(self, message: Message, data: Any, stamp: Stamp) -> str:
        """
        Format the line of a message whose kept record is *data*.

        Raises ValueError for a record that JSON cannot write.
        """

    def append(self, block: Block) -> int:
        """Keep a block of the session; return the bytes written."""

    def note(self, ack: Ack) -> None:
        """Keep a verdict of the server; it need not be synced."""

    def checksums(self, number: int) -> dict[str, list[tuple[int, int]]]:
        """Return the offset and CRC-32 of each message of a block, by feed."""

    def reports_above(self, number: int, most: int = WINDOW) -> list[Report]:
        """
        Return the reports of the first *most* blocks above *number*, in order.

        May be called in a thread while the session continues.
        """

    def sync(self) -> None:
        """Wait until all blocks are on the disk; called in a thread."""
