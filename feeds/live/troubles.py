"""
What does not work in this process at present, in sentences for people.

The page and the admin show them. Each part of the process says when its own
trouble begins and when it is over.
"""

from __future__ import annotations


class Troubles:
    """The sentences of the parts that are in trouble."""

    def __init__(self) -> None:
        self._sentences: dict[str, str] = {}

    def begin(self, part: str, sentence: str) -> None:
        """Say what is the matter with *part*, in place of what was said before."""
        self._sentences[part] = sentence

    def end(self, part: str) -> None:
        """Note that *part* works; so it may have done before."""
        self._sentences.pop(part, None)

    def sentences(self) -> list[str]:
        """Return what is the matter, the latest last; any thread may ask."""
        return list(self._sentences.values())


TROUBLES = Troubles()
"""Those of this process."""
