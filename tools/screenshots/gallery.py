"""Writer of ``docs/gallery.md``: every picture under its title, with one sentence."""

from __future__ import annotations

from pathlib import Path

HEADER = """\
# Gallery

Pictures of a running Blockfeed. `make screenshots` takes them and writes this page: do not edit it.
"""


class Gallery:
    """The page with all pictures, in the order in which they were taken."""

    def __init__(self) -> None:
        self._parts = [HEADER]

    def add(self, title: str, sentence: str, images: dict[str, str]) -> None:
        """Show *images*, each under its description; paths are relative to the page's folder."""
        shown = "\n".join(f"![{title}, {what}]({path})" for what, path in images.items())
        self._parts.append(f"## {title}\n\n{sentence}\n\n{shown}\n")

    def write(self, path: Path) -> None:
        """Write the page."""
        path.write_text("\n".join(self._parts), encoding="utf-8")
