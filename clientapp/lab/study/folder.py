"""Trials from a folder: of a sweep, of a swarm with logs, or of any block logs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from ...core.errors import CouldNot
from . import plan
from .logs import read_logs
from .reading import Reading
from .settled import read_sweep

OUTCOME = "outcome.json"


def read_folder(folder: Path) -> Reading:
    """Return the trials in *folder*; raises CouldNot, with a sentence."""
    if (folder / plan.FILE).exists():
        return read_sweep(folder)
    logs = sorted(folder.glob("*.log"))
    if not logs:
        raise CouldNot(
            f"the folder {folder} holds neither a sweep ({plan.FILE}) nor a block log (*.log)"
        )
    reading = read_logs(logs)
    outcome = folder / OUTCOME
    return replace(reading, bound=_bound(outcome)) if outcome.exists() else reading


def _bound(outcome: Path) -> tuple[str, ...]:
    """Return the reason why the load side of a swarm was the bottleneck, if it was."""
    try:
        said = json.loads(outcome.read_text(encoding="utf-8"))
        return (str(said["why"]),) if said["is_load_bound"] else ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CouldNot(f"{outcome} is not the outcome of a swarm: {error}") from None
