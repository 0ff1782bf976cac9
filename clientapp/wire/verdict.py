"""What a server finds when it holds a report against what it sent."""

from enum import StrEnum


class Verdict(StrEnum):
    """Whether a block holds what its feeds hold."""

    VERIFIED = "verified"
    """Every message of the block's ranges, unaltered and in order."""
    BROKEN = "broken"
    """Something is missing, doubled, altered or out of order."""
    UNVERIFIABLE = "unverifiable"
    """It cannot be told; the reason says why."""
