"""``manage.py generate``: the background worker that generates the feeds."""

from __future__ import annotations

import argparse
import asyncio
import logging
import selectors
import sys
from decimal import Decimal, InvalidOperation
from typing import Any

from channels.layers import get_channel_layer
from django.core.management.base import CommandError, CommandParser

from clientapp.wire.position import MAX_OFFSET
from feeds.making.crew import FAILURES, Crew
from feeds.making.generator import Generator
from feeds.management.display import Display
from feeds.management.engines import require_engines
from feeds.management.help import HEADING, CommandWithExitCodes
from feeds.management.options import whole
from feeds.models import LEAST_RATE, MOST_RATE, Feed
from feeds.running.stops import heeded_stops, ignore_stops
from feeds.running.worker import SWITCH_SECONDS
from feeds.sources import MAX_SEED

log = logging.getLogger(__name__)

STILL_SECONDS = 1.0
"""Time after a signal before explaining the delay; normally the command has ended by then."""
STILL_STOPPING = "still stopping: waiting for the database or the channel layer"


class Command(CommandWithExitCodes):
    """The command that generates feeds until it is stopped."""

    exit_codes = f"""\
{HEADING}
  0  done, or stopped by Ctrl-C
  1  failed: no such feed, another generator has it or took it over, no
     database, no output
  2  an option has a value that is not allowed, or cannot be combined
     with another one
"""
    help = (
        "Generate the enabled feeds and push them to every server until Ctrl-C, including feeds "
        "added or switched on later. When started again, it continues with the next offset."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--feed",
            action="append",
            metavar="NAME",
            help="a feed to generate; repeat it for more (default: all enabled feeds)",
        )
        parser.add_argument(
            "--count",
            type=whole(MAX_OFFSET),
            metavar="N",
            help="stop after N messages of each feed (default: never)",
        )
        parser.add_argument(
            "--for",
            dest="seconds",
            type=_seconds,
            metavar="SECONDS",
            help="stop after this many seconds (default: never)",
        )
        parser.add_argument(
            "--take-over",
            action="store_true",
            help="take the feeds over from another generator, which stops if it has no other feed "
            "(default: off)",
        )
        parser.add_argument(
            "--standby",
            action="store_true",
            help="while another generator has a feed, wait, and take over if it stops or dies "
            "(default: off)",
        )
        parser.add_argument(
            "--rate",
            type=_rate,
            metavar="N",
            help="set the rate of the feeds, messages per second, 0.001 to 1000000",
        )
        parser.add_argument(
            "--seed",
            type=whole(MAX_SEED, least=0, written="2**63-1"),
            metavar="N",
            help="set the seed of the feeds, a whole number from 0; starts a new epoch",
        )

        parser.add_argument(
            "--quiet", action="store_true", help="errors and warnings only (default: off)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Generate; exits 1 with a sentence if that is not possible."""
        require_engines()
        crew = _crew(options)
        display = Display(
            crew.progress,
            sys.stdout,
            quiet=options["quiet"],
            no_color=options["no_color"],
        )
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            with asyncio.Runner(loop_factory=_punctual_loop) as runner:
                runner.run(_run(crew, display))
        except FAILURES as error:
            raise CommandError(str(error)) from None
        finally:
            ignore_stops()
            display.end()
        if display.gone is not None:
            raise display.gone


def _crew(options: dict[str, Any]) -> Crew:
    """Return the generators that *options* ask for; raises CommandError."""
    is_bounded = any(options[name] is not None for name in ("feed", "count", "seconds"))
    for name in ("take_over", "rate", "seed"):
        if options["standby"] and options[name] is not None and options[name] is not False:
            flag = name.replace("_", "-")
            raise CommandError(f"--standby and --{flag} exclude each other", returncode=2)
    names = _choose(options["feed"])
    if is_bounded and not names:
        raise CommandError("no feed is enabled; enable one in the admin")
    layer = get_channel_layer()
    bounds = {name: options[name] for name in ("count", "seconds")}
    if options["standby"]:
        return Crew(
            [],
            lambda name: Generator(name, layer, **bounds),
            standby=True,
            chosen=names if is_bounded else None,
        )
    taking = {name: options[name] for name in ("take_over", "rate", "seed")}
    given = [Generator(name, layer, **bounds, **taking) for name in names]
    return Crew(given, None if is_bounded else lambda name: Generator(name, layer))


def _punctual_loop() -> asyncio.AbstractEventLoop:
    """Return a loop with exact timers: the default one rounds up to milliseconds."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


async def _run(crew: Crew, display: Display) -> None:
    """Run and show all generators until done, a signal, or the first error."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        crew.stop()
        loop.call_later(STILL_SECONDS, log.warning, "%s", STILL_STOPPING)

    for number in heeded_stops():
        loop.add_signal_handler(number, stop)
    showing = asyncio.ensure_future(display.run())
    try:
        await crew.run()
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)


def _choose(names: list[str] | None) -> list[str]:
    """Return the feeds to generate; raises CommandError."""
    enabled = dict(Feed.objects.values_list("name", "enabled"))
    if names is None:
        names = [name for name, is_enabled in enabled.items() if is_enabled]
    for name in names:
        if name not in enabled:
            raise CommandError(f"there is no feed {name[:80]!r}; there are: {', '.join(enabled)}")
        if not enabled[name]:
            raise CommandError(f"feed {name} is disabled; enable it in the admin")
    return list(dict.fromkeys(names))


def _rate(text: str) -> Decimal:
    try:
        rate = Decimal(text)
        if LEAST_RATE <= rate <= MOST_RATE and rate == round(rate, 3):
            return rate
    except InvalidOperation:
        pass
    raise argparse.ArgumentTypeError(
        f"{text[:40]!r} is not allowed: 0.001 to 1000000 messages per second, "
        "at most three decimals"
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 0 < seconds < 1e9:
        return seconds
    raise argparse.ArgumentTypeError(
        f"{text[:40]!r} is not allowed: a number of seconds above 0 and below 1e9"
    )
