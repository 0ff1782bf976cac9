"""
The self-test of chaos runs: good logs are damaged, and all damage must be noticed.

A damaged block gets a matching count and checksum again, so that only a
comparison with the ground truth can notice it.
"""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tools.chaos.installation import Installation
from tools.chaos.truth import find

SECONDS = 6.0
"""Length of the run without faults whose logs are damaged."""
CLIENT = "client-00"
_BLOCK = re.compile(
    r"\n(=== block (?P<number>\d+): )\d+( messages.*?\n# block .*?\n)(?P<lines>.*?)"
    r"=== end of block (?P=number): \d+ messages, crc32 \w{8}\n",
    re.DOTALL,
)

Lines = list[str]


def lose_message(lines: Lines) -> None:
    """Leave a message out."""
    del lines[3]


def double_message(lines: Lines) -> None:
    """Write a message twice, in place of the next."""
    lines[4] = lines[3]


def add_message(lines: Lines) -> None:
    """Write a message an extra time."""
    lines.insert(4, lines[3])


def swap_messages(lines: Lines) -> None:
    """Change the order of two messages."""
    lines[3], lines[4] = lines[4], lines[3]


def alter_record(lines: Lines) -> None:
    """Give a message the record of another."""
    lines[3] = " ".join([*lines[3].split(" ", 4)[:4], lines[4].split(" ", 4)[4]])


def alter_offset(lines: Lines) -> None:
    """Give a message the offset of another."""
    stamp, feed, _, rest = lines[3].split(" ", 3)
    lines[3] = " ".join([stamp, feed, lines[4].split(" ", 3)[2], rest])


def alter_stamp(lines: Lines) -> None:
    """Give a message a receipt time before that of the previous one."""
    lines[3] = " ".join([lines[0].split(" ", 1)[0][:-7] + "00000Z", lines[3].split(" ", 1)[1]])


INSIDE = (
    lose_message,
    double_message,
    add_message,
    swap_messages,
    alter_record,
    alter_offset,
    alter_stamp,
)
"""Changes within one block."""

WHOLE: dict[str, Callable[[str, re.Match[str]], str]] = {
    "a block lost": lambda text, block: text[: block.start()] + text[block.end() :],
    "a block duplicated": lambda text, block: text[: block.end()] + block[0] + text[block.end() :],
    "the last blocks lost": lambda text, block: text[: block.start()],
    "a torn block": lambda text, block: text[: block.end() - 200],
    "a byte flipped": lambda text, block: (
        text[: block.end() - 200] + "~" + text[block.end() - 199 :]
    ),
    "a sentence altered": lambda text, block: text.replace(
        f"received {block['number']} block in ", f"received {block['number']} block in 9", 1
    ),
    "a verdict altered": lambda text, block: text.replace(": verified\n", ": broken, spoiled\n", 1),
}
"""Changes of a log as a whole, at one of its blocks."""

STORED = {
    "a report lost": "DELETE FROM feeds_blockreport WHERE {one}",
    "a report altered": "UPDATE feeds_blockreport SET seconds = seconds + 1 WHERE {one}",
    "a report's digest altered": (
        "UPDATE feeds_blockreport SET ranges = replace(ranges, 'digest', 'digits') WHERE {one}"
    ),
    "a report of a block that is not there": (
        "UPDATE feeds_blockreport SET number = 1000000 WHERE {one}"
    ),
    "a report not verified": "UPDATE feeds_blockreport SET verdict = 'broken' WHERE {one}",
}
"""Changes of the reports in the database."""


def run(folder: Path) -> int:
    """Damage copies and check them; return the exit code."""
    good = folder / "good"
    good.mkdir()
    _collect(good)
    (finding,) = find(good, [CLIENT])
    print(f"unchanged: {finding.fault or 'good'}")
    missed = ["the good log"] if finding.fault else []
    for name, spoil in _ways().items():
        copy = folder / "spoiled"
        shutil.copytree(good, copy)
        spoil(copy)
        (finding,) = find(copy, [CLIENT], patience=0)
        shutil.rmtree(copy)
        print(f"{name}: {'noticed' if finding.fault else 'NOT NOTICED'}")
        if not finding.fault:
            missed.append(name)
    print(f"wrong result for:  {', '.join(missed)}" if missed else "every damaged copy was noticed")
    return 1 if missed else 0


def _collect(folder: Path) -> None:
    on = Installation(folder, random.Random(1), clients=1, rate=100)
    try:
        time.sleep(SECONDS)
        on.stop_clients()
        on.server.stop()
    finally:
        on.close()


def _ways() -> dict[str, Callable[[Path], None]]:
    ways: dict[str, Callable[[Path], None]] = {}
    for inside in INSIDE:
        assert inside.__doc__ is not None
        name = inside.__doc__.rstrip(".").lower()
        ways[name] = lambda folder, inside=inside: _spoil_block(folder, inside)  # type: ignore[misc]
    for name, whole in WHOLE.items():
        ways[name] = lambda folder, whole=whole: _spoil_log(folder, whole)  # type: ignore[misc]
    for name, statement in STORED.items():
        ways[name] = lambda folder, statement=statement: _spoil_report(folder, statement)  # type: ignore[misc]
    return ways


def _spoil_block(folder: Path, spoil: Callable[[Lines], None]) -> None:
    def sealed(text: str, block: re.Match[str]) -> str:
        lines = block["lines"].splitlines()
        spoil(lines)
        body = f"{block[1]}{len(lines)}{block[3]}" + "".join(f"{line}\n" for line in lines)
        end = f"=== end of block {block['number']}: {len(lines)} messages"
        whole = f"\n{body}{end}, crc32 {zlib.crc32(body.encode()):08x}\n"
        return text[: block.start()] + whole + text[block.end() :]

    _spoil_log(folder, sealed)


def _spoil_log(folder: Path, spoil: Callable[[str, re.Match[str]], str]) -> None:
    log = folder / f"{CLIENT}.log"
    text = log.read_text(encoding="utf-8")
    blocks = list(_BLOCK.finditer(text))
    spoiled = spoil(text, blocks[len(blocks) // 2])
    assert spoiled != text
    log.write_text(spoiled, encoding="utf-8")


def _spoil_report(folder: Path, statement: str) -> None:
    one = "id = (SELECT max(id) - 1 FROM feeds_blockreport)"
    with closing(sqlite3.connect(folder / "var" / "db.sqlite3")) as database:
        assert database.execute(statement.format(one=one)).rowcount == 1
        database.commit()
