"""
Take the pictures of the README and ``docs/gallery.md`` from a running product.

``make screenshots`` runs it. It starts a product on a free port with its own
data, and clients; then it takes pictures of every page at two widths and of every terminal.
It waits for events, so a slow machine takes the same pictures, but later.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tools.browser import NoBrowserError, browser
from tools.screenshots.camera import Camera
from tools.screenshots.gallery import Gallery
from tools.screenshots.pictures import WIDTHS, PagePicture, every
from tools.screenshots.product import CHECKOUT, running

BLOCKS = 60
"""Blocks of alice, three seconds each: enough for charts over time."""


def main() -> int:
    """Take the pictures; return the exit code."""
    options = _options()
    chosen = [one for one in every() if not options.only or one.name in options.only]
    images = options.out / "images"
    images.mkdir(parents=True, exist_ok=True)
    gallery = Gallery()
    with tempfile.TemporaryDirectory(prefix="blockfeed-") as name:
        folder = Path(name)
        try:
            with (
                browser(folder / "profile") as page,
                running(folder, blocks=options.blocks) as product,
            ):
                camera = Camera(product, page, images)
                for one in chosen:
                    files = (
                        camera.page(one, options.width or WIDTHS)
                        if isinstance(one, PagePicture)
                        else camera.terminal(one)
                    )
                    shown = {what: f"images/{file}" for what, file in files.items()}
                    gallery.add(one.title, one.sentence, shown)
                    print(f"{one.name}: {', '.join(files.values())}", flush=True)
        except NoBrowserError as missing:
            print(missing, file=sys.stderr)
            return 1
    gallery.write(options.out / "gallery.md")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools.screenshots", description=str(__doc__))
    names = [one.name for one in every()]
    parser.add_argument(
        "--out", type=Path, default=CHECKOUT / "docs", help="output folder (default: docs)"
    )
    parser.add_argument(
        "--only", action="append", choices=names, help="a picture to take; repeat it for more"
    )
    parser.add_argument(
        "--width", action="append", type=int, help="width of pages, pixels (default: 1440 and 390)"
    )
    parser.add_argument(
        "--blocks", type=int, default=BLOCKS, help=f"blocks of alice to wait for ({BLOCKS})"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
