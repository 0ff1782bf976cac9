"""The command `collect`: one client, or several in parallel, each with its own log."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from .core import events
from .core.counted import counted
from .core.errors import ClientError, NotVerified
from .core.session import Session
from .core.tally import Tally
from .jsonlines import JsonLines
from .log.blocklog import BlockLog
from .output import OutputGone
from .run import Run
from .terminal import Terminal
from .wire.printable import printable
from .wire.verdict import Verdict


@dataclass(frozen=True, slots=True)
class _Client:
    asked: Session
    log: BlockLog
    tally: Tally
    observer: events.Observer


def collect(sessions: Sequence[Session], options: argparse.Namespace) -> int:
    """
    Run one client for each of *sessions* with *options*; return the exit code.

    If one of several clients fails, the others continue, and the exit code is the
    highest of all. Raises ClientError if the only client fails, or if the failure
    concerns all of them.
    """
    is_alone = len(sessions) == 1
    with ExitStack() as stack:
        clients = []
        for session in sessions:
            path = options.log or Path("logs") / f"{session.client}.log"
            log = stack.enter_context(BlockLog(path))
            tally = Tally(session.block_size)
            name = "" if is_alone else session.client
            observer: events.Observer
            if options.json:
                observer = JsonLines(name)
            else:
                terminal = Terminal(tally, quiet=options.quiet, name=name)
                observer = stack.enter_context(terminal)
            clients.append(_Client(session, log, tally, observer))
        code = asyncio.run(_run(clients, options))
        # The work is done: a second Ctrl-C must not look like a failure.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    return code


async def _run(clients: Sequence[_Client], options: argparse.Namespace) -> int:
    runs = [
        Run(
            client.asked,
            client.log,
            client.tally,
            client.observer,
            blocks=options.blocks,
            label=options.label or "",
            console=options.console,
            patient=not options.no_wait,
            first=options.first,
            timeout=options.timeout,
        )
        for client in clients
    ]

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _interrupt, runs)
    if len(runs) == 1:
        await runs[0].to_end()
        _require_verified(clients[0], runs[0], options)
        return 0
    ends = await asyncio.gather(
        *(_to_end(run, client, runs, options) for run, client in zip(runs, clients, strict=True)),
        return_exceptions=True,
    )
    for end in ends:
        if isinstance(end, BaseException):
            raise end
    return max(end for end in ends if isinstance(end, int))


async def _to_end(
    run: Run, client: _Client, runs: Sequence[Run], options: argparse.Namespace
) -> int:
    """Await one of several *runs*; return its exit code. A failed output ends all runs."""
    try:
        await run.to_end()
        _require_verified(client, run, options)
    except OutputGone:
        _interrupt(runs)
        raise
    except ClientError as error:
        print(f"{client.asked.client}: {printable(str(error))}", file=sys.stderr)
        return error.exit_code
    return 0


def _require_verified(client: _Client, run: Run, options: argparse.Namespace) -> None:
    """Raise NotVerified if the user wants every block verified, but some block is not."""
    if not options.verified:
        return
    tally = client.tally
    verdicts = {word: count for word, count in tally.verdicts.items() if word != Verdict.VERIFIED}
    faults = [f"{counted(count, 'block')} {word}" for word, count in verdicts.items()]
    if run.unacknowledged:
        faults.append(f"{counted(run.unacknowledged, 'block')} without a verdict")
    if tally.gaps:
        faults.append(counted(tally.gaps, "missing message"))
    if tally.verdicts.total() == 0:
        faults.append("no block")
    if faults:
        raise NotVerified(f"not every block is verified: {', '.join(faults)}")


def _interrupt(runs: Sequence[Run]) -> None:
    for run in runs:
        run.interrupt()
