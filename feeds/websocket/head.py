"""
The head of an HTTP request: its line and its headers.

This module reads only a complete, valid and bounded head of a GET. It leaves every other request
to an HTTP server, which can refuse it with a sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

END = b"\r\n\r\n"
"""The end of a head."""
_GET = re.compile(rb"GET ([!-~]+) HTTP/1\.1\r\n")
_FIELD = rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00\r\n]*)\r\n"
_FIELDS = re.compile(rb"(?:%b)*" % _FIELD.replace(b"(", b"(?:"))
_EACH = re.compile(_FIELD)


@dataclass(frozen=True, slots=True)
class Head:
    """The target and the headers of a GET."""

    target: bytes
    """The path with its query, in printable ASCII."""
    fields: list[tuple[bytes, bytes]]
    """Names in lower case with their values, in the order of their arrival."""

    def value(self, name: bytes) -> bytes:
        """Return the values of all headers called *name*, joined by commas; b"" if none."""
        return b",".join([value for known, value in self.fields if known == name])


def read_head(data: bytes, most_bytes: int, most_lines: int) -> tuple[Head, bytes] | None:
    """
    Return the head at the beginning of *data*, and the bytes that follow it.

    Returns None if the head is incomplete or invalid, or exceeds one of the two limits.
    """
    end = data.find(END, 0, most_bytes + len(END)) + 2
    line = _GET.match(data)
    if end < 2 or line is None:
        return None
    fields = _FIELDS.fullmatch(data, line.end(), end)
    if fields is None or data.count(b"\r\n", line.end(), end) > most_lines:
        return None
    pairs = [(name.lower(), value.rstrip()) for name, value in _EACH.findall(data, line.end(), end)]
    return Head(line[1], pairs), data[end + 2 :]
