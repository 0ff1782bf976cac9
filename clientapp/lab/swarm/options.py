"""The options of `swarm`."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from ...core.serverurl import DEFAULT_URL, URL_RULE
from ...options import add_token_option, number, one, process, url, whole
from ...wire import names
from ...wire.request import MAX_FEEDS
from .expectation import RULE, Expectation, parse_expectation
from .swarmplan import Part, Stage

MAX_MEMBERS = 20_000
"""The most members of one swarm: as many as the connections that a server accepts."""
MAX_SECONDS = 86_400
"""The most seconds of a swarm or a stage: a day."""
MAX_WEIGHT = 1000
"""The largest weight of a part: the largest ratio between the members of two parts."""
MAX_PROCESSES = 64
"""The most processes of a swarm: as many as the cores of a large machine."""
PART_RULE = (
    "FEED[+FEED...]:BLOCK_SIZE[:WEIGHT], for example users:10 or users+arrays:100:3; "
    f"a weight is a whole number from 1 to {MAX_WEIGHT}"
)
STAGE_RULE = (
    f"MEMBERS:SECONDS, for example 500:30; members up to {MAX_MEMBERS}, seconds up to {MAX_SECONDS}"
)


def add_swarm_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `swarm`."""
    add = parser.add_argument
    add("--url", type=url, default=DEFAULT_URL, help=f"{URL_RULE} (default: {DEFAULT_URL})")
    add_token_option(add)
    add(
        "--clients",
        type=whole(MAX_MEMBERS),
        default=100,
        metavar="N",
        help=f"members: a whole number from 1 to {MAX_MEMBERS} (default: 100)",
    )
    add(
        "--seconds",
        type=number(0.1, MAX_SECONDS),
        default=30.0,
        metavar="S",
        help=f"duration of the swarm, at most {MAX_SECONDS} (default: 30)",
    )
    add(
        "--stage",
        type=_stage,
        action="append",
        dest="stages",
        metavar="MEMBERS:SECONDS",
        help=f"a stage of a ramp, in place of --clients and --seconds: {STAGE_RULE}; "
        "repeat the option for further stages, which run one after another",
    )
    add(
        "--mix",
        type=_part,
        action="append",
        dest="parts",
        metavar="PART",
        help=f"feeds and block size of a part: {PART_RULE}; repeat it for several parts, "
        "which run at the same time (default: users:10)",
    )
    add(
        "--churn",
        type=number(0, 1),
        default=0.0,
        metavar="SHARE",
        help="the share of members that leave and return, from 0 to 1 (default: 0)",
    )
    add(
        "--slow",
        type=number(0, 1),
        default=0.0,
        metavar="SHARE",
        help="the share of members that read slowly, from 0 to 1 (default: 0)",
    )
    add(
        "--slow-bytes",
        type=whole(10**9),
        default=1024,
        metavar="N",
        help="bytes per second that a slow member reads (default: 1024)",
    )
    add(
        "--seed",
        type=whole(2**31, least=0),
        default=1,
        metavar="N",
        help="the same seed gives the same plan (default: 1)",
    )
    add(
        "--processes",
        type=whole(MAX_PROCESSES),
        metavar="N",
        help=f"processes that the members share, at most {MAX_PROCESSES} (default: as few as keep "
        "up with the rate of the feeds, at most one per core)",
    )
    add(
        "--expect",
        type=_expectation,
        action="append",
        default=[],
        dest="expectations",
        metavar="EXPECTATION",
        help=f"exit with code 4 if this does not hold: {_percent(RULE)}; repeat it for more",
    )
    add(
        "--label",
        type=one(names.is_label, names.LABEL_RULE),
        default=None,
        metavar="NAME",
        help=f"a name that every report carries: {names.LABEL_RULE} (default: none)",
    )
    add(
        "--logs",
        type=Path,
        metavar="FOLDER",
        help="keep a block log of each member in this folder (default: none)",
    )
    add(
        "--results",
        type=Path,
        metavar="FOLDER",
        help="write outcome.json to this folder, and blocks.csv with a row for each block "
        "(default: none)",
    )
    add(
        "--server-pid",
        type=process,
        metavar="PID",
        help="the server's process on this machine, to measure its processor time (default: none)",
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument(
        "--json",
        action="store_true",
        help="print the outcome as one JSON object (default: off)",
    )
    shape.add_argument("--quiet", action="store_true", help="print errors only (default: off)")
    parser.set_defaults(parser=parser)


def _part(text: str) -> Part:
    match = re.fullmatch(r"([^:]+):([0-9]{1,6})(?::([0-9]{1,4}))?", text)
    if match is not None:
        feeds, size, weight = tuple(match[1].split("+")), int(match[2]), int(match[3] or 1)
        is_good = (
            all(map(names.is_feed_name, feeds))
            and len(set(feeds)) == len(feeds) <= MAX_FEEDS
            and 1 <= size <= names.MAX_BLOCK_SIZE
            and 1 <= weight <= MAX_WEIGHT
        )
        if is_good:
            return Part(feeds, size, weight)
    raise argparse.ArgumentTypeError(f"{text!r} is not allowed: {PART_RULE}")


def _stage(text: str) -> Stage:
    match = re.fullmatch(r"([0-9]{1,6}):([0-9]{1,6}(?:\.[0-9]+)?)", text)
    if match is not None:
        clients, seconds = int(match[1]), float(match[2])
        if clients <= MAX_MEMBERS and 0 < seconds <= MAX_SECONDS:
            return Stage(clients, seconds)
    raise argparse.ArgumentTypeError(f"{text!r} is not allowed: {STAGE_RULE}")


def _expectation(text: str) -> Expectation:
    try:
        return parse_expectation(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _percent(text: str) -> str:
    # argparse interprets a % in a help text as a format.
    return text.replace("%", "%%")
