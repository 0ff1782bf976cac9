"""
A second reader of block logs, written from docs/reference/blocklog.md alone.

It shares nothing with the client, so the two cannot have the same fault.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

_BLOCK = re.compile(
    r"\n=== block (?P<number>\d+): (?P<size>\d+) messages of (?P<feeds>.+) in "
    r"(?P<seconds>\d+\.\d{3}) s, (?P<began>\S+Z) to (?P<ended>\S+Z)\n"
    r"# block (?P<header>\{.*\})\n"
    r"(?P<lines>(?:.*\n)*?)"
    r"=== end of block (?P=number): (?P=size) messages, crc32 (?P<crc>[0-9a-f]{8})\n"
)
_MESSAGE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (\S+) (\d+) ([0-9a-f]{8}) (.+)")
_AGAIN = re.compile(r"--- again (\S+) (\d+) ([0-9a-f]{8})")
_VERDICT = re.compile(r"=== verdict of block (\d+): ([a-z]+)(?:, (.*))?\n")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class OracleHead:
    """The contents of a block's summary line."""

    feeds: list[str]
    seconds: str
    began_us: int
    ended_us: int


@dataclass
class OracleBlock:
    """One block of the log."""

    number: int
    head: OracleHead
    header: dict[str, Any]
    messages: list[tuple[str, int, Any]] = field(default_factory=list)
    """Feed, offset and record."""
    stamps: list[int] = field(default_factory=list)
    """When each message was received, in microseconds since 1970."""
    gaps: list[str] = field(default_factory=list)
    checksums: list[int] = field(default_factory=list)
    """The CRC-32 of each message's line, as the log has it."""
    dropped: list[tuple[str, int]] = field(default_factory=list)
    """Feed and offset of each duplicate."""


@dataclass
class OracleSession:
    """One session of a log."""

    asked: dict[str, Any]
    blocks: list[OracleBlock] = field(default_factory=list)
    verdicts: dict[int, str] = field(default_factory=dict)
    """The last verdict of each block that has one, with its reason."""


def read_log(path: Path) -> list[OracleSession]:
    """Return the sessions of a log; fails on anything outside the format."""
    text = path.read_bytes().decode("utf-8")
    sessions: list[OracleSession] = []
    at = 0
    while at < len(text):
        opened = re.compile(r"\n?# session (\{.*\}) crc32 ([0-9a-f]{8})\n").match(text, at)
        if opened is not None:
            assert f"{zlib.crc32(opened[1].encode('utf-8')):08x}" == opened[2]
            sessions.append(OracleSession(json.loads(opened[1])))
            at = opened.end()
            continue
        verdict = _VERDICT.match(text, at)
        if verdict is not None:
            assert 1 <= int(verdict[1]) <= len(sessions[-1].blocks)
            reason = f", {verdict[3]}" if verdict[3] else ""
            sessions[-1].verdicts[int(verdict[1])] = verdict[2] + reason
            at = verdict.end()
            continue
        match = _BLOCK.match(text, at)
        assert match is not None, f"not a block: {text[at : at + 200]!r}"
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
    head = OracleHead(
        match["feeds"].split(" and "),
        match["seconds"],
        _microseconds(match["began"]),
        _microseconds(match["ended"]),
    )
    block = OracleBlock(int(match["number"]), head, json.loads(match["header"]))
    for line in match["lines"].split("\n")[:-1]:
        message = _MESSAGE.fullmatch(line)
        if again := _AGAIN.fullmatch(line):
            block.dropped.append((again[1], int(again[2])))
        elif message is None:
            assert line.startswith("--- gap "), line
            block.gaps.append(line)
        else:
            block.stamps.append(_microseconds(message[1]))
            block.checksums.append(int(message[4], 16))
            block.messages.append((message[2], int(message[3]), json.loads(message[5])))
    return block


def _microseconds(stamp: str) -> int:
    return (datetime.fromisoformat(stamp) - _EPOCH) // timedelta(microseconds=1)
