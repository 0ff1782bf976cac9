"""
The sentence a client says for each block it received.

The wording is fixed and pinned in ``tests/vectors/sentence.json``; clients
written by hand may say it without any JSON around it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from clientapp.wire.codec import MAX_INTEGER

_PATTERN = re.compile(
    r"Client (?P<name>[^\0\n]{1,64}) received (?P<block>[1-9][0-9]{0,15}) block "
    r"in (?P<seconds>[0-9]{1,9}(\.[0-9]{1,9})?) s time"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a block sentence says."""

    client: str
    block: int
    """The number of the block in its session, from 1."""
    seconds: float
    """Time from the first to the last message of the block."""

    def __str__(self) -> str:
        """Return the sentence; seconds with three decimals."""
        return f"Client {self.client} received {self.block} block in {self.seconds:.3f} s time"


def parse_sentence(text: str) -> Sentence | None:
    """Return what *text* says, or None where it is not the block sentence."""
    match = _PATTERN.fullmatch(text.strip())
    if match is None or int(match["block"]) > MAX_INTEGER:
        return None
    return Sentence(match["name"], int(match["block"]), float(match["seconds"]))
