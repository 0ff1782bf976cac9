"""The short clients in ``examples/``, for display on the page."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

ADDRESS = "ws://127.0.0.1:8000/"
"""The address in the files, which the page replaces with its own."""

FILES = {
    "Command line": "command_line.sh",
    "Python": "python_client.py",
    "JavaScript": "node_client.mjs",
    "Browser": "browser_client.html",
    "Python, in blocks": "block_client.py",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One example client."""

    title: str
    file: str
    """Path in the checkout."""
    text: str


def examples(address: str) -> list[Example]:
    """Return the examples, with *address* as the server's address."""
    folder = settings.BASE_DIR / "examples"
    return [
        Example(
            title=title,
            file=f"examples/{name}",
            text=(folder / name).read_text(encoding="utf-8").replace(ADDRESS, address).strip(),
        )
        for title, name in FILES.items()
    ]
