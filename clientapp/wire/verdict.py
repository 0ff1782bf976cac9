"""The result of a server's comparison of a report with the messages that it sent."""

from enum import StrEnum


class Verdict(StrEnum):
    """The result of checking a block."""

    VERIFIED = "verified"
    """Every message of the block's ranges arrived, unaltered and in order."""
    BROKEN = "broken"
    """A message is missing, duplicated, altered or out of order."""
    UNVERIFIABLE = "unverifiable"
    """The block cannot be checked; the reason says why."""
