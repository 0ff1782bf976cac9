"""
A sweep: the same measurement at many numbers of clients, several times each.

Block sizes run side by side, so that all of them see the same feed on the
same machine in the same mood.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from clientapp.core.errors import CouldNot
from clientapp.processor import seconds_of, seconds_of_children
from clientapp.study.crew import Orders, ramp_seconds
from clientapp.study.plan import Plan, Run, folder_of, write_sweep
from clientapp.study.settled import SETTLE_SECONDS


def sweep(plan: Plan, folder: Path, server: int | None) -> None:
    """
    Do all runs of *plan*, their logs in *folder*; raises CouldNot.

    *server*: its process on this machine, to measure its processor time.
    """
    runs = plan.runs()
    done: list[Run] = []
    for number, (clients, repeat) in enumerate(runs, 1):
        print(f"run {number} of {len(runs)}: {clients} clients, repeat {repeat}", flush=True)
        done.append(_run(plan, clients, repeat, folder, server))
        write_sweep(folder, plan, done)


def _run(plan: Plan, clients: int, repeat: int, folder: Path, server: int | None) -> Run:
    """Let a crew do its work; return what it cost."""
    began, load_before = time.monotonic(), seconds_of_children()
    server_before = seconds_of(server)
    failures = _crew(plan, clients, folder / folder_of(clients, repeat))
    if len(failures) == clients:
        raise CouldNot(failures[0])
    took, server_after = time.monotonic() - began, seconds_of(server)
    return Run(
        clients=clients,
        repeat=repeat,
        load=(seconds_of_children() - load_before) / took,
        server=None
        if server_before is None or server_after is None
        else (server_after - server_before) / took,
        failed=len(failures),
        why=failures[0] if failures else "",
    )


def _crew(plan: Plan, clients: int, logs: Path) -> list[str]:
    """Let the clients work, their logs in *logs*; return why some could not."""
    _empty(logs)
    seconds = ramp_seconds(clients) + SETTLE_SECONDS + plan.seconds
    orders = Orders(
        url=plan.url,
        feed=plan.feed,
        block_sizes=plan.block_sizes,
        clients=clients,
        messages=round(plan.rate * seconds),
        folder=str(logs),
        label=f"sweep {logs.name}",
    )
    # In a group of its own, so that Ctrl-C reaches this process alone.
    with subprocess.Popen(  # noqa: S603  # this project's own program
        [sys.executable, "-m", "clientapp.study.crew", orders.write()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        process_group=0,
        text=True,
    ) as crew:
        try:
            said, _ = crew.communicate()
        except BaseException:
            crew.kill()
            raise
    if crew.returncode != 0:
        raise CouldNot(f"the process of the clients ended with exit code {crew.returncode}")
    return said.splitlines()


def _empty(logs: Path) -> None:
    """Make the folder, without old logs: clients would go on with the sessions in them."""
    try:
        logs.mkdir(parents=True, exist_ok=True)
        for old in logs.glob("*.log"):
            old.unlink()
    except OSError as error:
        raise CouldNot(f"the logs cannot be written to {logs}: {error.strerror}") from None
