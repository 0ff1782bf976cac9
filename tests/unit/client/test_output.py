"""Sentences on standard output: wrapped in a terminal, one per line elsewhere."""

from __future__ import annotations

from io import StringIO

import pytest

from clientapp.output import wrapped

SENTENCE = (
    "Reach: all 24 expected messages arrived. The report is in logs/2026-11-30/study/report.html."
)


class Terminal(StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def test_sentence_in_a_terminal_is_broken_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is wider than the terminal, unless a path alone is; no word is broken."""
    monkeypatch.setenv("COLUMNS", "30")
    assert wrapped(SENTENCE, Terminal()).splitlines() == [
        "Reach: all 24 expected",
        "  messages arrived. The report",
        "  is in",
        "  logs/2026-11-30/study/report.html.",
    ]


def test_sentence_in_a_file_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence that goes into a file or a pipe is not changed."""
    monkeypatch.setenv("COLUMNS", "30")
    assert wrapped(SENTENCE, StringIO()) == SENTENCE
