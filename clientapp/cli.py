"""The command line: commands, options and exit codes."""

from __future__ import annotations

import argparse
import io
import secrets
import sys
from collections.abc import Sequence
from typing import NoReturn

from .collect import collect
from .core.errors import ClientError
from .core.session import Session
from .lab.study.options import add_analyse_options, fill_in
from .lab.swarm.options import add_swarm_options
from .options import add_collect_options, add_verify_options, with_token
from .output import guarded_output
from .verify import show_as_json, show_as_text, verify
from .wire.names import is_client_name
from .wire.printable import printable
from .wire.request import DEFAULT_FEEDS, MAX_FEEDS
from .wire.token import redacted

COLLECT = "Collect a feed in blocks, write them to a log and report them to the server."
VERIFY = "Read block logs from beginning to end and check that they are whole."
VERIFY_EXIT_CODES = """\
exit codes:
  0  every log is whole; a torn tail is not a fault: the next start removes it
  1  a log has a fault, or cannot be read, or the output cannot be written
  2  an option has a value that is not allowed
"""
SWARM = "Run many clients at once, and summarise the results."
SWARM_EXIT_CODES = """\
exit codes:
  0  done, or ended by Ctrl-C, and every expectation holds
  1  failed: no server, no room for so many clients, a folder that cannot be
     written
  2  an option has a value that is not allowed
  3  the server refuses the swarm
  4  an expectation does not hold
"""
ANALYSE = """\
Write a report of block time, latency and reach, from block logs or from a
sweep: runs with several numbers of clients and several block sizes."""
ANALYSE_EXIT_CODES = """\
exit codes:
  0  the report is written
  1  failed: no server, a log that cannot be read, a missing package
  2  an option has a value that is not allowed
  3  the server refuses the sweep
"""
ANALYSE_PACKAGES = "pip install -r clientapp/requirements-analysis.txt"
EXIT_CODES = """\
exit codes:
  0  done, or ended by Ctrl-C
  1  failed: no server (with --no-wait), a proxy or a log that cannot be used,
     an output that cannot be written, reports that were not acknowledged
  2  an option has a value that is not allowed
  3  the server refuses this client
  4  no new message arrived within --timeout
  5  with --verified: a block was not verified, or a message was missing
"""


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one sentence."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.exit(2, f"{self.prog}: {redacted(printable(message))}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``python -m clientapp``; return the exit code."""
    parser = Parser(prog=f"python -m {__package__}", description="The client of Blockfeed.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, says, exit_codes, add_options, run in (
        ("collect", COLLECT, EXIT_CODES, add_collect_options, run_collect),
        ("swarm", SWARM, SWARM_EXIT_CODES, add_swarm_options, run_swarm),
        ("analyse", ANALYSE, ANALYSE_EXIT_CODES, add_analyse_options, run_analyse),
        ("verify", VERIFY, VERIFY_EXIT_CODES, add_verify_options, run_verify),
    ):
        command = commands.add_parser(
            name,
            help=says,
            description=says,
            epilog=exit_codes,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_options(command)
        command.set_defaults(run=run)
    return _run(parser.parse_args(arguments))


def script(arguments: Sequence[str] | None = None) -> int:
    """Run ``client.py``, which is `collect`; return the exit code."""
    parser = Parser(
        description=COLLECT,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_collect_options(parser)
    parser.set_defaults(run=run_collect)
    return _run(parser.parse_args(arguments))


def run_collect(options: argparse.Namespace) -> int:
    """Collect with *options*; return the exit code."""
    url = with_token(options)
    feeds = tuple(options.feeds or DEFAULT_FEEDS)
    for feed in feeds:
        if feeds.count(feed) > 1:
            options.parser.error(f"argument --feed: {feed!r} is given twice; once is allowed")
    if len(feeds) > MAX_FEEDS:
        options.parser.error(f"argument --feed: {len(feeds)} are given; {MAX_FEEDS} are allowed")
    names = [options.name]
    if options.clients > 1:
        names = [f"{options.name}-{number}" for number in range(1, options.clients + 1)]
        if not is_client_name(names[-1]):
            options.parser.error(f"argument --name: {names[-1]!r} is not allowed: it is too long")
        if options.log is not None:
            options.parser.error("argument --log: not allowed with argument --clients")
    sessions = [
        Session(
            client=name,
            session=secrets.token_urlsafe(16),
            url=url,
            feeds=feeds,
            block_size=options.block_size,
            select=options.select,
        )
        for name in names
    ]
    try:
        return collect(sessions, options)
    except KeyboardInterrupt:
        return 0


def run_swarm(options: argparse.Namespace) -> int:
    """Run a swarm with *options*; return the exit code."""
    # Imported here, so that `collect` starts without it.
    from .lab.swarm.command import run  # noqa: PLC0415

    try:
        return run(options)
    except KeyboardInterrupt:
        return 0


def run_verify(options: argparse.Namespace) -> int:
    """Verify the logs in *options*; return the exit code."""
    show = show_as_json if options.json else show_as_text
    try:
        is_whole = [show(verify(path)) for path in options.logs]
    except KeyboardInterrupt:
        return 1
    return 0 if all(is_whole) else 1


def run_analyse(options: argparse.Namespace) -> int:
    """Write the report for *options*; return the exit code."""
    fill_in(options)
    try:
        # Imported here, so that `collect` does not need its packages.
        from .lab.study.analyse import analyse  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == __package__.partition(".")[0]:
            raise
        print(f"analyse needs {error.name}; do this first: {ANALYSE_PACKAGES}", file=sys.stderr)
        return 1
    try:
        analyse(options)
    except KeyboardInterrupt:
        return 1
    return 0


def _run(options: argparse.Namespace) -> int:
    """Run the command in *options*; return the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Escape characters that the output cannot encode.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with guarded_output():
            code: int = options.run(options)
            return code
    except ClientError as error:
        print(printable(str(error)), file=sys.stderr)
        return error.exit_code
