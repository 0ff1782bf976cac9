"""The camera that takes pictures of pages in a browser and programs in terminals."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from tools.browser import Browser
from tools.screenshots.drawing import draw, paint
from tools.screenshots.pictures import DESKTOP, PagePicture, TerminalPicture
from tools.screenshots.product import CHECKOUT, Product, environment_of, migrate
from tools.terminal_window import TerminalWindow
from tools.waiting import until

COLOURS = 128
"""Colours of a picture: saves two thirds of its bytes, without a visible difference."""
TERMINAL_WIDTH, TERMINAL_HEIGHT = 112, 24
"""Size in characters."""
# Finishes drawings that would otherwise be animated, once each chart has begun.
SETTLE = """
document.fonts.status === 'loaded'
&& [...document.querySelectorAll('canvas.chart')].every(canvas => window.Chart?.getChart(canvas))
&& (Object.values(window.Chart?.instances ?? {}).forEach(chart => chart.update('none')), true)
"""


class Camera:
    """A camera for pictures of one *product*, saved in the folder *images*."""

    def __init__(self, product: Product, browser: Browser, images: Path) -> None:
        self._product = product
        self._browser = browser
        self._images = images
        self._is_signed_in = False

    def page(self, picture: PagePicture, widths: Sequence[int]) -> dict[str, str]:
        """Take a picture of a page at each of *widths*; return file names by description."""
        files = {}
        for width in widths:
            for dark in (False, True) if picture.dark and width == DESKTOP else (False,):
                look = "dark" if dark else "light"
                ending = "-".join(
                    ([] if width == DESKTOP else [str(width)]) + (["dark"] if dark else [])
                )
                name = f"{picture.name}-{ending}.png" if ending else f"{picture.name}.png"
                self._open(picture, width, dark=dark)
                path = self._images / name
                self._browser.picture(path, highest=picture.height)
                _shrink(path)
                files[f"{width} pixels wide, {look}"] = name
        return files

    def terminal(self, picture: TerminalPicture) -> dict[str, str]:
        """Take a picture of a program in a terminal; return its file name by description."""
        folder = self._product.folder
        environment = dict(self._product.environment)
        if picture.alone:
            folder /= picture.name
            folder.mkdir()
            environment = environment_of(folder)
            migrate(environment)
        places = {"url": self._product.url, "folder": folder}
        command = [part.format(**places) for part in picture.command]
        window = TerminalWindow(
            [sys.executable, *command],
            CHECKOUT,
            environment,
            width=TERMINAL_WIDTH,
            height=TERMINAL_HEIGHT,
        )
        try:
            until(
                lambda: any(re.search(picture.shows, line) for line in window.screen),
                lambda: f"{picture.name}: no line {picture.shows}:\n" + "\n".join(window.screen),
            )
            svg = draw(window.cells, " ".join(["python", *picture.command]).partition(" --url")[0])
            window.press_ctrl_c()
            window.wait()
        finally:
            window.close()
        path = self._images / f"{picture.name}.png"
        paint(self._browser, svg, self._product.folder, path)
        _shrink(path)
        return {"in a terminal": path.name}

    def _open(self, picture: PagePicture, width: int, *, dark: bool) -> None:
        browser = self._browser
        if picture.path.startswith("admin/"):
            self._sign_in()
        address = self._product.address + picture.path
        browser.open(address, width=width, height=picture.height, dark=dark, still=True)
        if picture.follow:
            link = f"document.querySelector({picture.follow!r})"
            browser.wait_for(f"{link} !== null")
            address = browser.evaluate(f"{link}.href")
            browser.open(address, width=width, height=picture.height, dark=dark, still=True)
        if picture.script:
            browser.wait_for("document.readyState === 'complete'")
            browser.evaluate(picture.script)
        browser.wait_for(f"/{picture.shows}/.test(document.body.innerText)")
        browser.wait_for(SETTLE)

    def _sign_in(self) -> None:
        if self._is_signed_in:
            return
        browser = self._browser
        browser.open(f"{self._product.address}admin/")
        browser.evaluate(
            "document.querySelector('[name=username]').value = 'admin';"
            f"document.querySelector('[name=password]').value = {self._product.password!r};"
            "document.querySelector('form').submit()"
        )
        browser.wait_for("document.querySelector('a[href*=\"feeds/feed/\"]') !== null")
        self._is_signed_in = True


def _shrink(path: Path) -> None:
    """Reduce a picture to few colours."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
