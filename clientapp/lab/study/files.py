"""The files of a study: the page, its pictures, and the figures for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...core.errors import CouldNot
from ..analysis.study import Study
from .page import page
from .plots import plots
from .reading import Reading

REPORT = "report.html"


def write_study(folder: Path, study: Study, reading: Reading, manifest: Mapping[str, Any]) -> Path:
    """
    Write everything into *folder*; return the path of the page.

    Files of the same names are replaced. Raises CouldNot, with a sentence.
    """
    pictures = list(plots(study))
    files = {
        REPORT: page(study, pictures, reading, manifest).encode(),
        "study.json": _json(study, reading, manifest),
        "cells.csv": _csv(_cells(study)),
        "blocks.csv": _csv(_blocks(study)),
        **{f"{picture.name}.png": picture.png for picture in pictures},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise CouldNot(f"the report cannot be written to {folder}: {error.strerror}") from None
    return folder / REPORT


def _json(study: Study, reading: Reading, manifest: Mapping[str, Any]) -> bytes:
    shown = {
        "manifest": manifest,
        "opening": list(reading.opening()),
        "left_out": {str(reason): count for reason, count in reading.left_out.items()},
        "notes": list(reading.notes),
        "cells": _cells(study),
        "totals": [asdict(total) for total in study.totals],
        "models": [asdict(model) for model in study.models],
    }
    return json.dumps(shown, indent=1, default=str).encode()


def _cells(study: Study) -> list[dict[str, Any]]:
    return [
        {
            **asdict(cell.condition),
            "ideal": cell.ideal,
            "mean": cell.mean,
            **{name: getattr(cell.seconds, name) for name in ("p50", "p90", "p99", "p999", "max")},
            "overhead": cell.overhead,
            "overhead_low": cell.interval.low if cell.interval else None,
            "overhead_high": cell.interval.high if cell.interval else None,
            "overhead_p50": cell.overheads.p50,
            "overhead_p99": cell.overheads.p99,
            "repeats": cell.repeats,
            "blocks": cell.seconds.count,
            "left_out": sum(cell.left_out.values()),
            "received": cell.received,
            "expected": cell.expected,
            "reach": None if math.isnan(cell.reach) else cell.reach,
            "duplicates": cell.duplicates,
            **{
                f"latency_{name}": getattr(cell.latency, name) if cell.latency else None
                for name in ("p50", "p99", "max", "clock_error")
            },
        }
        for cell in study.cells
    ]


def _blocks(study: Study) -> Iterable[dict[str, Any]]:
    for trial in study.trials:
        for block in trial.blocks:
            figures = asdict(block)
            del figures["due"]
            yield {
                **asdict(trial.condition),
                "repeat": trial.repeat,
                **figures,
                "ideal": block.ideal,
                "overhead": block.overhead,
            }


def _csv(rows: Iterable[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(text, list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)
    return text.getvalue().encode()
