"""The command `swarm`: plans, runs, shows and judges a swarm."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ...core.errors import CouldNot
from ...jsonlines import write_json
from ...options import with_token
from ...wire.request import MAX_FEEDS
from .capacity import processes_for
from .display import Display
from .outcome import Outcome
from .probe import Probe
from .swarm import Swarm
from .swarmplan import Part, Role, Stage, plan

NOT_MET = 4
"""The exit code if an expectation does not hold."""


def run(options: argparse.Namespace) -> int:
    """Run the swarm that *options* describe; return the exit code. Raises ClientError."""
    parts = options.parts or [Part(("users",), 10)]
    stages = options.stages or [Stage(options.clients, options.seconds)]
    if not any(stage.clients for stage in stages):
        options.parser.error("argument --stage: no stage has members")
    feeds = tuple(dict.fromkeys(feed for part in parts for feed in part.feeds))
    if len(feeds) > MAX_FEEDS:
        options.parser.error(
            f"argument --mix: {len(feeds)} feeds are named; {MAX_FEEDS} are allowed"
        )
    roles = plan(
        parts,
        stages,
        random.Random(options.seed).random,
        churn=options.churn,
        slow=options.slow,
        slow_bytes=options.slow_bytes,
    )
    options.url = with_token(options)
    for folder in (options.logs, options.results):
        _make(folder)
    outcome = asyncio.run(_swarm(options, roles, feeds, _asked(options, parts, stages)))
    if options.results is not None:
        try:
            outcome.save(options.results)
        except OSError as error:
            raise CouldNot(
                f"the outcome cannot be written to {options.results}: {error.strerror}"
            ) from None
    if options.json:
        write_json(outcome.write())
    return _judge(options, outcome)


async def _swarm(
    options: argparse.Namespace,
    roles: Sequence[Role],
    feeds: tuple[str, ...],
    asked: dict[str, object],
) -> Outcome:
    rates = await Probe(options.url, feeds).rates()
    count = options.processes or processes_for(roles, rates, os.cpu_count() or 1)
    count = min(count, len(roles))
    swarm = Swarm(
        roles,
        url=options.url,
        label=options.label or "",
        processes=count,
        logs=options.logs,
        results=options.results,
        server=options.server_pid,
        asked={**asked, "rates": rates, "processes": count},
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, swarm.stop)
    display = Display(swarm, quiet=options.quiet or options.json)
    showing = asyncio.create_task(display.run())
    try:
        outcome = await swarm.run()
    finally:
        showing.cancel()
        with suppress(asyncio.CancelledError):
            await showing
    display.end(outcome)
    return outcome


def _asked(
    options: argparse.Namespace, parts: Sequence[Part], stages: Sequence[Stage]
) -> dict[str, object]:
    return {
        "url": options.url,
        "mix": [f"{part}:{part.weight}" for part in parts],
        "stages": [f"{stage.clients}:{stage.seconds:g}" for stage in stages],
        "churn": options.churn,
        "slow": options.slow,
        "slow_bytes": options.slow_bytes,
        "seed": options.seed,
        "label": options.label or "",
    }


def _judge(options: argparse.Namespace, outcome: Outcome) -> int:
    found = outcome.measured()
    failures = [one.failure(found) for one in options.expectations]
    for failure in filter(None, failures):
        print(failure, file=sys.stderr)
    if any(failures):
        return NOT_MET
    outcome.require_anybody()
    return 0


def _make(folder: Path | None) -> None:
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CouldNot(f"the folder {folder} cannot be created: {error.strerror}") from None
