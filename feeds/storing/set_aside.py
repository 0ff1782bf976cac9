"""The file of accepted facts that the database rejects; without it, they would be lost."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from feeds.storing.facts import Fact

NAME = "set_aside.jsonl"
"""The file, in the folder of local state (``BLOCKFEED_VAR``)."""


def set_aside(folder: Path, fact: Fact, error: Exception) -> Path:
    """
    Append *fact*, which cannot be stored because of *error*, as a line of JSON.

    When this returns, the line is on the disk. Only the owner may read the file, because facts
    hold data from clients. Raises OSError.
    """
    path = folder / NAME
    line = json.dumps(
        {
            "at": datetime.now(UTC).isoformat(),
            "error": f"{type(error).__name__}: {error}",
            "kind": type(fact).__name__,
            "fact": asdict(fact),
        },
        default=str,
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with open(descriptor, "a", encoding="utf-8") as file:  # noqa: PTH123  a descriptor
        file.write(f"{line}\n")
        file.flush()
        os.fsync(descriptor)
    entry = os.open(folder, os.O_RDONLY)
    os.fsync(entry)  # of a file that is new
    os.close(entry)
    return path
