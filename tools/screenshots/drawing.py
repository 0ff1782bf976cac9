"""Drawings of a terminal's screen: an SVG by rich, which a browser turns into a PNG."""

from __future__ import annotations

import io
from pathlib import Path

from pyte.screens import Char
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tools.browser import Browser

NAMES = {"brown": "yellow", "default": "default"}
"""Names of colours in pyte that differ in rich."""


def draw(cells: list[list[Char]], title: str) -> str:
    """Return the screen as SVG, with one empty line at the end."""
    lines = [_line(row) for row in cells]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    lines.append(Text())  # rich cuts off descenders of the last line
    console = Console(record=True, width=len(cells[0]), file=io.StringIO(), legacy_windows=False)
    for line in lines:
        console.print(line, no_wrap=True, crop=True)
    return console.export_svg(title=title, theme=MONOKAI, unique_id="terminal")


def paint(browser: Browser, svg: str, folder: Path, path: Path) -> None:
    """Save an SVG as a PNG, in the width of the gallery."""
    page = folder / "terminal.html"
    style = "body { margin: 0 } svg { display: block; width: 960px }"
    page.write_text(f"<!doctype html><style>{style}</style>{svg}", encoding="utf-8")
    browser.open(page.as_uri(), width=960)
    browser.picture(path, highest=browser.evaluate("document.querySelector('svg').clientHeight"))


def _line(row: list[Char]) -> Text:
    line = Text(end="")
    for cell in row:
        line.append(cell.data, _style(cell))
    return line


def _style(cell: Char) -> Style:
    return Style(
        color=_colour(cell.fg),
        bgcolor=_colour(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


def _colour(name: str) -> str | None:
    """Return rich's name of a colour; None: the terminal's default."""
    if name == "default":
        return None
    if len(name) == 6 and set(name) <= set("0123456789abcdef"):
        return f"#{name}"
    plain = name.removeprefix("bright")
    plain = NAMES.get(plain, plain)
    return plain if plain == name or not name.startswith("bright") else f"bright_{plain}"
