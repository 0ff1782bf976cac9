"""
The options of the client, their defaults and their rules.

A value that is not allowed causes one sentence with the value and the rule.
"""

from __future__ import annotations

import argparse
import getpass
import math
import os
import re
from collections.abc import Callable
from pathlib import Path

from .core.errors import BadUsage
from .core.serverurl import DEFAULT_URL, URL_RULE, ServerUrl, server_url
from .core.session import DEFAULT_BLOCK_SIZE
from .wire import names
from .wire.position import MAX_OFFSET
from .wire.request import DEFAULT_CLIENT, DEFAULT_FEEDS, MAX_FEEDS
from .wire.token import FORM, is_token

VARIABLE = "BLOCKFEED_TOKEN"
"""The variable with the token, if the option is not given."""
MAX_TIMEOUT = 86_400
"""The most seconds without a message: a day."""
MAX_CLIENTS = 64
"""The most clients of one command, because a person reads their lines; `swarm` runs more."""
MAX_PID = 2**31 - 1
"""The largest number of a process, by its type."""


def add_collect_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `collect`."""
    add = parser.add_argument
    name = _login_name()
    add("--url", type=url, default=DEFAULT_URL, help=f"{URL_RULE} (default: {DEFAULT_URL})")
    add_token_option(add)
    add(
        "--name",
        type=one(names.is_client_name, names.CLIENT_NAME_RULE),
        default=name,
        help=f"the client's name: {names.CLIENT_NAME_RULE} (default: {name})",
    )
    add(
        "--feed",
        type=one(names.is_feed_name, names.FEED_NAME_RULE),
        action="append",
        dest="feeds",
        metavar="FEED",
        help=f"a feed to receive: {names.FEED_NAME_RULE}; repeat it for more, at most "
        f"{MAX_FEEDS}, each once (default: {' '.join(DEFAULT_FEEDS)})",
    )
    add(
        "--select",
        type=_select,
        default=(),
        metavar="FIELD,...",
        help="keep only these fields of each record: field names of the feeds, separated by "
        "commas (default: all)",
    )
    add(
        "--block-size",
        type=whole(names.MAX_BLOCK_SIZE),
        default=DEFAULT_BLOCK_SIZE,
        metavar="N",
        help=f"messages in one block: {names.BLOCK_SIZE_RULE} (default: {DEFAULT_BLOCK_SIZE})",
    )
    add(
        "--blocks",
        type=whole(10**9),
        metavar="N",
        help="stop after this many blocks: a whole number from 1 (default: run until Ctrl-C)",
    )
    add(
        "--from",
        type=_first,
        dest="first",
        metavar="OFFSET",
        help="offset of each feed at which a new session begins, or 'start' for the first message; "
        "ignored if the log has a block (default: the next message)",
    )
    add(
        "--timeout",
        type=number(0.1, MAX_TIMEOUT),
        metavar="SECONDS",
        help=f"0.1 to {MAX_TIMEOUT}: end with exit code 4 if no new message arrives for this long; "
        "each message restarts the time (default: wait)",
    )
    add(
        "--clients",
        type=whole(MAX_CLIENTS),
        default=1,
        metavar="N",
        help="run this many clients, called NAME-1 to NAME-N, each with its own log: 1 to "
        f"{MAX_CLIENTS} (default: 1)",
    )
    add(
        "--log",
        type=Path,
        metavar="PATH",
        help="the block log: a new file, or the log of an earlier run (default: logs/NAME.log)",
    )
    add(
        "--label",
        type=one(names.is_label, names.LABEL_RULE),
        metavar="NAME",
        help=f"the name of an experiment, sent with every report: {names.LABEL_RULE} "
        "(default: none)",
    )
    add(
        "--verified",
        action="store_true",
        help="end with exit code 5 unless every block was verified and no message was missing "
        "(default: off)",
    )
    add("--console", action="store_true", help="also show each message (default: off)")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument(
        "--json",
        action="store_true",
        help="one JSON object per line on standard output for each event (default: off)",
    )
    shape.add_argument("--quiet", action="store_true", help="errors only (default: off)")
    add(
        "--no-wait",
        action="store_true",
        help="end at once if there is no server (default: wait for it)",
    )
    parser.set_defaults(parser=parser)


def add_verify_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `verify`."""
    add = parser.add_argument
    add("logs", type=Path, nargs="+", metavar="LOG", help="a block log; its client may be running")
    add(
        "--json",
        action="store_true",
        help="one JSON object per line on standard output for each log (default: off)",
    )


def add_token_option(add: Callable[..., object]) -> None:
    """Add the option for servers that need a token."""
    add(
        "--token",
        type=one_hidden(is_token, FORM),
        metavar="TOKEN",
        help=f"the token for a server that needs one (default: the variable {VARIABLE}, "
        "which other users of this machine cannot see)",
    )


def with_token(options: argparse.Namespace) -> ServerUrl:
    """Return the address in *options* with the token in them, or in the environment."""
    token = options.token or os.environ.get(VARIABLE, "").strip()
    try:
        return ServerUrl(options.url).with_token(token)
    except BadUsage as error:
        raise BadUsage(f"{VARIABLE}: {error}") from None


def url(text: str) -> ServerUrl:
    """Return *text* if it is the address of a server; raises ArgumentTypeError."""
    try:
        return server_url(text)
    except BadUsage as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def one(is_allowed: Callable[[str], bool], rule: str) -> Callable[[str], str]:
    """Return an option type for texts that *is_allowed* accepts; *rule* describes them."""

    def read(text: str) -> str:
        if not is_allowed(text):
            raise argparse.ArgumentTypeError(f"{text!r} is not allowed: {rule}")
        return text

    return read


def one_hidden(is_allowed: Callable[[str], bool], rule: str) -> Callable[[str], str]:
    """Return an option type like `one`, whose errors do not show the text: it may be a secret."""

    def read(text: str) -> str:
        if not is_allowed(text):
            raise argparse.ArgumentTypeError(f"the value is not allowed: {rule}")
        return text

    return read


def whole(most: int, least: int = 1, *, instead: str = "") -> Callable[[str], int]:
    """Return an option type for whole numbers; errors also name the word allowed *instead*."""

    def read(text: str) -> int:
        number = int(text) if re.fullmatch("[0-9]{1,16}", text) else -1
        if not least <= number <= most:
            rule = f"{instead and f'{instead}, or '}a whole number from {least} to {most}"
            raise argparse.ArgumentTypeError(f"{text!r} is not allowed: {rule}")
        return number

    return read


def number(least: float, most: float) -> Callable[[str], float]:
    """Return an option type for numbers from *least* to *most*."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            rule = f"a number from {least:g} to {most:.10g}"
            raise argparse.ArgumentTypeError(f"{text!r} is not allowed: {rule}")
        return value

    return read


def process(text: str) -> int:
    """Return the number of a process of this machine; raises ArgumentTypeError."""
    pid = whole(MAX_PID)(text)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        raise argparse.ArgumentTypeError(f"there is no process {pid} on this machine") from None
    except PermissionError:  # the process exists and belongs to another user
        pass
    return pid


def _first(text: str) -> int:
    return 1 if text == "start" else whole(MAX_OFFSET, instead="start")(text)


def _select(text: str) -> tuple[str, ...]:
    members = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if "" in members:
        rule = "field names, separated by commas"
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed: {rule}")
    return members


def _login_name() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return DEFAULT_CLIENT
    return name if names.is_client_name(name) else DEFAULT_CLIENT
