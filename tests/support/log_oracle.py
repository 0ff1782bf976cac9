"""
A second reader of block logs, written from docs/blocklog.md alone.

It shares nothing with the client, so that both cannot be wrong together.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BLOCK = re.compile(
    r"\n=== block (?P<number>\d+): (?P<size>\d+) messages of (?P<feeds>.+) in "
    r"(?P<seconds>\d+\.\d{3}) s, (?P<began>\S+Z) to (?P<ended>\S+Z)\n"
    r"# block (?P<header>\{.*\})\n"
    r"(?P<lines>(?:.*\n)*?)"
    r"=== end of block (?P=number): (?P=size) messages, crc32 (?P<crc>[0-9a-f]{8})\n"
)
_MESSAGE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (\S+) (\d+) (.+)")


@dataclass
class OracleBlock:
    """One block as the log tells it."""

    number: int
    header: dict[str, Any]
    messages: list[tuple[str, int, Any]] = field(default_factory=list)
    """Feed, offset and record."""
    gaps: list[str] = field(default_factory=list)


@dataclass
class OracleSession:
    """One session of a log."""

    asked: dict[str, Any]
    blocks: list[OracleBlock] = field(default_factory=list)


def read_log(path: Path) -> list[OracleSession]:
    """Return the sessions of a log; fails on anything the format does not have."""
    text = path.read_bytes().decode("utf-8")
    sessions: list[OracleSession] = []
    at = 0
    while at < len(text):
        opened = re.compile(r"\n?# session (\{.*\})\n").match(text, at)
        if opened is not None:
            sessions.append(OracleSession(json.loads(opened[1])))
            at = opened.end()
            continue
        match = _BLOCK.match(text, at)
        assert match is not None, f"no block: {text[at : at + 200]!r}"
        body = text[match.start() + 1 : match.end("lines")]
        assert f"{zlib.crc32(body.encode('utf-8')):08x}" == match["crc"]
        block = _read_block(match)
        assert len(block.messages) == int(match["size"])
        assert block.number == len(sessions[-1].blocks) + 1
        sessions[-1].blocks.append(block)
        at = match.end()
    return sessions


def offsets(session: OracleSession, feed: str) -> list[int]:
    """Return the offsets of *feed* in the order of the log."""
    return [
        offset for block in session.blocks for name, offset, _ in block.messages if name == feed
    ]


def _read_block(match: re.Match[str]) -> OracleBlock:
    block = OracleBlock(int(match["number"]), json.loads(match["header"]))
    for line in match["lines"].split("\n")[:-1]:
        message = _MESSAGE.fullmatch(line)
        if message is None:
            assert line.startswith("--- gap "), line
            block.gaps.append(line)
        else:
            block.messages.append((message[1], int(message[2]), json.loads(message[3])))
    return block
