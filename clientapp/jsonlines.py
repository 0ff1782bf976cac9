"""Events as JSON, one object per line on standard output."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from .core.events import Event
from .wire import codec
from .wire.codec import Json


class JsonLines:
    """An observer that writes events for a program; *client* names one of several."""

    def __init__(self, client: str = "") -> None:
        self._client = {"client": client} if client else {}

    def show(self, event: Event) -> None:
        """Write *event* at once; raises CouldNot if the output cannot be written."""
        write_json({"event": event.NAME, **self._client, **asdict(event)})


def write_json(obj: Json) -> None:
    """
    Write *obj* to standard output at once, as one line; raises CouldNot.

    It is JSON in every locale: JSON is UTF-8, so if the output is not, all
    non-ASCII characters are escaped.
    """
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(codec.encode(obj) if is_utf8 else _ASCII.encode(obj), flush=True)


_ASCII = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
