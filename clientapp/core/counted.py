"""Counts with nouns, for sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return *number* with its *noun*, such as ``1 block`` or ``2 blocks``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
