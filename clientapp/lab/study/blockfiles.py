"""The whole blocks of block logs, with the server's verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...core.errors import CouldNot
from ...core.session import Session
from ...log.blockcheck import ScannedBlock
from ...log.parse import LoggedVerdict, NotABlockLog
from ...log.scanner import LostBlock, Part, Scanner, scan_file


@dataclass(slots=True)
class LoggedSession:
    """A session of a log, and its whole blocks."""

    asked: Session
    blocks: list[ScannedBlock] = field(default_factory=list)
    verdicts: dict[int, str] = field(default_factory=dict)
    """The last verdict of each block that has one, by its number."""


@dataclass(slots=True)
class BlockFile:
    """The sessions of a log, and the numbers of blocks that are left out."""

    sessions: list[LoggedSession] = field(default_factory=list)
    damaged: int = 0
    """Blocks that do not match their checksum."""
    ownerless: int = 0
    """Blocks of sessions whose line cannot be read."""

    def take(self, part: Part) -> None:
        """Add the next part of the log."""
        match part:
            case Session():
                self.sessions.append(LoggedSession(part))
            case ScannedBlock(is_whole=True):
                self.sessions[-1].blocks.append(part)
            case LoggedVerdict():
                self.sessions[-1].verdicts[part.block] = part.verdict
            case LostBlock(is_ownerless=True):
                self.ownerless += 1
            case ScannedBlock() | LostBlock():
                self.damaged += 1


def read_blocks(path: Path) -> BlockFile:
    """
    Return the blocks in the log at *path*; its client may be running.

    A torn tail is left out silently. Raises CouldNot, with a sentence, if the
    log cannot be read.
    """
    file = BlockFile()
    try:
        for part in scan_file(path, Scanner(thorough=False)):
            file.take(part)
    except NotABlockLog as error:
        raise CouldNot(f"{path} is not a block log ({error})") from None
    except OSError as error:
        raise CouldNot(f"the log {path} cannot be read: {error.strerror}") from None
    return file


def left_out(files: Sequence[BlockFile]) -> list[str]:
    """Return sentences about the blocks that *files* leave out."""
    found = {
        "Blocks left out because they do not match their checksum": sum(
            file.damaged for file in files
        ),
        "Blocks left out because the line of their session cannot be read": sum(
            file.ownerless for file in files
        ),
    }
    return [f"{text}: {count}." for text, count in found.items() if count]
