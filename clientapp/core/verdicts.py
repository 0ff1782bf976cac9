"""
The last verdict of each block, in little memory.

Invariant: the counts include each block once, however often and in whatever
order verdicts arrive.
"""

from __future__ import annotations

from bisect import bisect_right

NONE = ""
"""Stands for a block without a verdict."""


class Verdicts:
    """
    The verdicts of one session's blocks, summed up in *counts*.

    They are kept as stretches of blocks with the same verdict. So the memory
    grows with the changes of verdict from one block to the next, not with the
    number of blocks: a session that is verified throughout is one stretch.
    """

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts
        # Two lists, because a search needs the first one only.
        self._firsts = [0]
        """The first block of each stretch, which ends before the next one."""
        self._words = [NONE]
        """The verdict of each stretch; no two neighbours have the same."""

    @property
    def stretches(self) -> int:
        """The number of stretches of blocks with the same verdict."""
        return len(self._words) - self._words.count(NONE)

    def take(self, block: int, verdict: str) -> None:
        """Count *block* under *verdict*, and no longer under an earlier one."""
        at = bisect_right(self._firsts, block) - 1
        before = self._words[at]
        if before == verdict:
            return
        if before != NONE:
            self._counts[before] -= 1
            if self._counts[before] == 0:
                del self._counts[before]
        self._counts[verdict] = self._counts.get(verdict, 0) + 1
        self._split(at, block, verdict)

    def _split(self, at: int, block: int, verdict: str) -> None:
        """Cut *block* out of stretch *at*, and join it with its neighbours."""
        before = self._words[at]
        stretches = [(block, verdict), (block + 1, before)]
        start, end = at, at + 1
        if self._firsts[at] < block:
            stretches.insert(0, (self._firsts[at], before))
        elif at > 0 and self._words[at - 1] == verdict:
            del stretches[0]
        if end < len(self._firsts) and self._firsts[end] == block + 1:
            del stretches[-1]
            if self._words[end] == verdict:
                end += 1
        self._firsts[start:end] = [first for first, _ in stretches]
        self._words[start:end] = [word for _, word in stretches]
