"""The options of `analyse`: logs to read, or a sweep to do."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...core.serverurl import DEFAULT_URL, URL_RULE
from ...options import add_token_option, number, one, process, url, whole
from ...wire import names

MAX_CLIENTS = 1000
"""The most clients in a sweep, because all their blocks are logged and read again."""
MAX_REPEATS = 100
"""The most repeats of a sweep; ten times as many would only make intervals a third as wide."""
MAX_SECONDS = 3600
"""The most seconds of one run: an hour; the report holds its logs in memory."""
MAX_RATE = 1_000_000
"""The most messages per second of a feed: the server's limit."""
SWEEP: dict[str, Any] = {
    "url": DEFAULT_URL,
    "token": None,
    "feed": "users",
    "block_sizes": (1, 5, 20),
    "clients": (10, 50, 200),
    "repeats": 3,
    "seconds": 20.0,
    "seed": 1,
    "server_pid": None,
}
"""The options that only a sweep has, with their defaults."""


def add_analyse_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `analyse`."""
    add = parser.add_argument
    add(
        "paths",
        type=Path,
        nargs="*",
        metavar="PATH",
        help="a block log, whose client may be running, or a folder with the logs of a sweep, of a "
        "swarm or of any clients (default: do a sweep)",
    )
    add(
        "--rate",
        type=number(0.001, MAX_RATE),
        metavar="R",
        help="messages per second of the running feed; required for a sweep, not allowed with logs",
    )
    add(
        "--out",
        type=Path,
        default=Path("study"),
        metavar="FOLDER",
        help="folder for the report; files with the same names are replaced (default: study)",
    )
    _add_sweep_options(parser.add_argument_group("options of a sweep"))
    parser.set_defaults(parser=parser)


def fill_in(options: argparse.Namespace) -> None:
    """Fill in the defaults of a sweep; exit with code 2 if options contradict each other."""
    given = [name for name in ("rate", *SWEEP) if getattr(options, name) is not None]
    if options.paths and given:
        option = "--" + given[0].replace("_", "-")
        options.parser.error(f"argument {option}: only for a new sweep, not allowed with paths")
    if options.paths:
        return
    if options.rate is None:
        options.parser.error(
            "argument --rate: a sweep needs the rate of the running feed; to read logs instead, "
            "give their paths"
        )
    for name, default in SWEEP.items():
        if getattr(options, name) is None:
            setattr(options, name, default)
    fewest, sizes = min(options.clients), len(options.block_sizes)
    if fewest < sizes:
        options.parser.error(
            f"argument --clients: {fewest} clients are too few for {sizes} block sizes"
        )


def _add_sweep_options(group: Any) -> None:
    add = group.add_argument
    add("--url", type=url, help=f"{URL_RULE} (default: {DEFAULT_URL})")
    add_token_option(add)
    add(
        "--feed",
        type=one(names.is_feed_name, names.FEED_NAME_RULE),
        help="the feed that all clients receive (default: users)",
    )
    add(
        "--block-sizes",
        type=_several(whole(names.MAX_BLOCK_SIZE)),
        metavar="N,...",
        help="block sizes, separated by commas; each run has all of them at once "
        f"(default: {_shown('block_sizes')})",
    )
    add(
        "--clients",
        type=_several(whole(MAX_CLIENTS)),
        metavar="N,...",
        help="numbers of clients, separated by commas; each run has one of these numbers and "
        f"divides its clients among all block sizes (default: {_shown('clients')})",
    )
    add(
        "--repeats",
        type=whole(MAX_REPEATS),
        metavar="N",
        help=f"runs with each number of clients (default: {SWEEP['repeats']})",
    )
    add(
        "--seconds",
        type=number(1, MAX_SECONDS),
        metavar="S",
        help="duration of each run once all clients are connected; must be long enough for several "
        "blocks of the largest size "
        f"(default: {SWEEP['seconds']:g})",
    )
    add(
        "--seed",
        type=whole(2**31, least=0),
        metavar="N",
        help=f"seed for the order of the runs (default: {SWEEP['seed']})",
    )
    add(
        "--server-pid",
        type=process,
        metavar="PID",
        help="the server's process on this machine, to measure its processor time (default: none)",
    )


def _shown(name: str) -> str:
    return ",".join(map(str, SWEEP[name]))


def _several(read: Callable[[str], int]) -> Callable[[str], tuple[int, ...]]:
    def several(text: str) -> tuple[int, ...]:
        return tuple(sorted({read(part.strip()) for part in text.split(",")}))

    return several
