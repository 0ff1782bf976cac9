"""The command line: what may be asked for, and with which exit code it ends."""

from __future__ import annotations

import argparse
import asyncio
import io
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from clientapp.blocklog import BlockLog
from clientapp.core.errors import ClientError
from clientapp.core.session import Session
from clientapp.core.tally import Tally
from clientapp.jsonlines import JsonLines
from clientapp.options import add_collect_options
from clientapp.run import Run
from clientapp.terminal import Terminal
from clientapp.wire.printable import printable
from clientapp.wire.request import DEFAULT_FEEDS, MAX_FEEDS

COLLECT = "Collect a feed in blocks, write them to a log and report them to the server."
EXIT_CODES = """\
exit codes:
  0  done, or ended by Ctrl-C
  1  could not: no server (with --no-wait), a log that cannot be written or that
     another client holds, reports that were not acknowledged
  2  an option has a value that is not allowed
  3  the server refuses this client
"""


class Parser(argparse.ArgumentParser):
    """A parser that answers a mistake with one sentence."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.exit(2, f"{self.prog}: {printable(message)}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``python -m clientapp``; return the exit code."""
    parser = Parser(prog="python -m clientapp", description="The client of Blockfeed.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    collect = commands.add_parser(
        "collect",
        help=COLLECT,
        description=COLLECT,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_collect_options(collect)
    return run_collect(parser.parse_args(arguments))


def script(arguments: Sequence[str] | None = None) -> int:
    """Run ``client.py``, which is `collect`; return the exit code."""
    parser = Parser(
        description=COLLECT,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_collect_options(parser)
    return run_collect(parser.parse_args(arguments))


def run_collect(options: argparse.Namespace) -> int:
    """Collect as *options* say; return the exit code."""
    feeds = tuple(options.feeds or DEFAULT_FEEDS)
    for feed in feeds:
        if feeds.count(feed) > 1:
            options.parser.error(f"argument --feed: {feed!r} is given twice; once is allowed")
    if len(feeds) > MAX_FEEDS:
        options.parser.error(f"argument --feed: {len(feeds)} are given; {MAX_FEEDS} are allowed")
    asked = Session(
        client=options.name,
        session=secrets.token_urlsafe(16),
        url=options.url,
        feeds=feeds,
        block_size=options.block_size,
        select=options.select,
    )
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    tally = Tally(options.block_size)
    show = JsonLines() if options.json else Terminal(tally, quiet=options.quiet)
    path = options.log or Path("logs") / f"{options.name}.log"
    try:
        with BlockLog(path) as log, show:
            asyncio.run(_collect(asked, log, tally, show, options))
    except ClientError as error:
        print(printable(str(error)), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 0
    return 0


async def _collect(
    asked: Session,
    log: BlockLog,
    tally: Tally,
    show: JsonLines | Terminal,
    options: argparse.Namespace,
) -> None:
    run = Run(
        asked,
        log,
        tally,
        show.show,
        blocks=options.blocks,
        console=options.console,
        patient=not options.no_wait,
    )
    await run.to_end()
