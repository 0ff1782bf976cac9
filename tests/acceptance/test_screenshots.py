"""`make screenshots`: pictures of the running product, and the page that shows them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.support.forks import run
from tests.support.stack import CHECKOUT
from tests.support.stack import PATIENCE_SECONDS as PATIENCE
from tools.browser import CHROMIUMS, program
from tools.screenshots.pictures import PAGES, every


def take(out: Path, *options: str) -> str:
    """Take pictures; return the output."""
    if program() is None:
        pytest.skip(f"none of {', '.join(CHROMIUMS)} is installed")
    command = [sys.executable, "-m", "tools.screenshots", f"--out={out}", "--blocks=1", *options]
    done = run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=4 * PATIENCE)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_chosen_pictures_are_taken(tmp_path: Path) -> None:
    """The chosen pictures have the requested width, and are in the gallery."""
    said = take(tmp_path, "--only=session", "--only=terminal-generator", "--width=390")
    assert said.splitlines() == [
        "session: session-390.png",
        "terminal-generator: terminal-generator.png",
    ]
    images = tmp_path / "images"
    assert sorted(path.name for path in images.iterdir()) == [
        "session-390.png",
        "terminal-generator.png",
    ]
    with Image.open(images / "session-390.png") as page:
        (session,) = (one for one in PAGES if one.name == "session")
        assert page.size == (390, session.height)
    with Image.open(images / "terminal-generator.png") as terminal:
        # More than one colour: a title, text and green words were drawn.
        assert len(terminal.getcolors() or ()) > 10
        assert terminal.width == 960
    gallery = (tmp_path / "gallery.md").read_text("utf-8")
    assert "## A session\n\nOne session in full: " in gallery
    assert "![A session, 390 pixels wide, light](images/session-390.png)" in gallery
    assert "![The generator, in a terminal](images/terminal-generator.png)" in gallery


def test_every_picture_is_described() -> None:
    """Names are unique, every picture has a title and one sentence; the first is the README's."""
    names = [one.name for one in every()]
    assert len(set(names)) == len(names)
    assert all(one.title and one.sentence.count(".") == 1 for one in every())
    assert f"](docs/images/{PAGES[0].name}.png)" in (CHECKOUT / "README.md").read_text("utf-8")
