"""Lines of several programs, laid out for a terminal or a file."""

from __future__ import annotations

import io
import re

import pytest

from tools.screen import COLOURS, Screen

LINE = (
    "Block 1 received successfully  3 messages (users 1 to 3) in 2.001 s, 1529 bytes, latency 1 ms"
)


class Window(io.StringIO):
    """A terminal without a screen."""

    def isatty(self) -> bool:
        """Return true."""
        return True


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Window:
    """Return a terminal of 60 columns."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Window()


def test_file_gets_unchanged_lines() -> None:
    """In a file a line stays one line without colours, however long it is."""
    screen = Screen(io.StringIO())
    assert screen.labelled("alice", LINE) == f"alice     | {LINE}"
    assert screen.indented(LINE, 10) == LINE


def test_long_line_continues_under_its_text(window: Window) -> None:
    """Every part of a long line starts with the program's name, and no word is lost."""
    said = re.sub(r"\x1b\[\d+m", "", Screen(window).labelled("alice", LINE)).splitlines()
    assert len(said) == 2
    assert max(map(len, said)) <= 60
    assert all(line.startswith("alice     | ") for line in said)
    assert " ".join(line.removeprefix("alice     | ") for line in said) == LINE


def test_each_program_has_a_colour(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program keeps its colour; with NO_COLOR there is none."""
    screen = Screen(window)
    said = [screen.labelled(name, "x") for name in ("server", "alice", "server")]
    assert said[0] == said[2] == f"\x1b[{COLOURS[0]}mserver    | \x1b[0mx"
    assert said[1] == f"\x1b[{COLOURS[1]}malice     | \x1b[0mx"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Screen(window).labelled("server", "x") == "server    | x"


def test_table_keeps_its_columns(window: Window) -> None:
    """Text that does not fit continues in the column where the texts start."""
    row = "  page    http://127.0.0.1:8000/ and a text that does not fit here at all"
    assert Screen(window).indented(f"\n{row}\n", 10).splitlines() == [
        "",
        "  page    http://127.0.0.1:8000/ and a text that",
        "          does not fit here at all",
    ]
    assert Screen(window).indented("          deep", 10) == "          deep"
