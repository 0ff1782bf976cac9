"""The parsing of command-line options."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def whole(
    most: int, *, least: int = 1, of: str = "", written: str | None = None
) -> Callable[[str], int]:
    """
    Return a parser for whole numbers from *least* to *most*, for ``add_argument``.

    Its ArgumentTypeError names the value and the allowed range. *of* is the unit, such as
    ``days``; *written* stands for *most* in the sentence, if that is easier to read.
    """
    noun = f"a whole number of {of}" if of else "a whole number"
    allowed = f"{noun} from {least} to {written or most}"

    def parse(text: str) -> int:
        # Long digit strings are refused unread: Python does not convert all of them.
        if text.isascii() and text.isdigit() and len(text) <= len(str(most)):
            number = int(text)
            if least <= number <= most:
                return number
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not allowed: {allowed}")

    return parse
