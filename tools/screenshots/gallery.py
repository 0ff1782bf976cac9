"""``docs/gallery.md``: every picture under its title, with one sentence."""

from __future__ import annotations

from pathlib import Path

HEADER = """\
# Gallery

What `make screenshots` saw of a running Blockfeed. The page is made by it, too: do not edit it.
"""


class Gallery:
    """The page that shows what was pictured, in that order."""

    def __init__(self) -> None:
        self._parts = [HEADER]

    def add(self, title: str, sentence: str, images: dict[str, str]) -> None:
        """Show *images*, by what each is, with the path below the page's folder."""
        shown = "\n".join(f"![{title}, {what}]({path})" for what, path in images.items())
        self._parts.append(f"## {title}\n\n{sentence}\n\n{shown}\n")

    def write(self, path: Path) -> None:
        """Write the page."""
        path.write_text("\n".join(self._parts), encoding="utf-8")
