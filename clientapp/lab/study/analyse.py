"""The command `analyse`: reads logs or does a sweep, and writes a report."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from ...options import with_token
from ...output import wrapped
from ...wire.printable import printable
from ...wire.token import redacted
from ..analysis.answers import answers
from ..analysis.study import study
from .files import write_study
from .folder import read_folder
from .logs import read_logs
from .manifest import manifest
from .plan import Plan
from .reading import Reading, joined
from .sweep import sweep


def analyse(options: argparse.Namespace) -> None:
    """
    Run the analysis that *options* describe; print its answers and the report's path.

    Raises ClientError, with a sentence.
    """
    paths = options.paths or [_sweep(options)]
    reading = _read(paths)
    found = study(reading.trials)
    command = redacted(shlex.join(["python", "-m", "clientapp", *sys.argv[1:]]))
    path = write_study(options.out, found, reading, manifest(command, reading.facts))
    for sentence in (*reading.opening(), *answers(found), f"The report is {path}."):
        print(wrapped(printable(sentence), sys.stdout))
    sys.stdout.flush()


def _sweep(options: argparse.Namespace) -> Path:
    """Do the sweep that *options* describe; return its folder."""
    plan = Plan(
        url=with_token(options),
        feed=options.feed,
        rate=options.rate,
        block_sizes=options.block_sizes,
        clients=options.clients,
        repeats=options.repeats,
        seconds=options.seconds,
        seed=options.seed,
    )
    folder: Path = options.out / "sweep"
    sweep(plan, folder, options.server_pid)
    return folder


def _read(paths: Sequence[Path]) -> Reading:
    """Read all logs together, as one data set, and the folders of sweeps, swarms and clients."""
    logs = [path for path in paths if not path.is_dir()]
    parts = [read_folder(path) for path in paths if path.is_dir()]
    if logs:
        parts.append(read_logs(logs))
    return joined(parts)
