"""``manage.py serve``: the server for production."""

from __future__ import annotations

import logging
import sys
from typing import Any

from channels.routing import get_default_application
from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from feeds.core.limits import LIMITS
from feeds.daphne.server import FeedServer
from feeds.fanout.passes import best_pass, python_pass
from feeds.management.address import Address
from feeds.management.binding import is_reachable, listen, parse, shown
from feeds.management.engines import require_engines
from feeds.management.help import SERVER_EXIT_CODES, CommandWithExitCodes
from feeds.management.options import whole
from feeds.management.requestlog import RequestLog
from feeds.running.stops import ignore_stops

log = logging.getLogger("feeds.daphne.server")

DEFAULT = Address("127.0.0.1", 8000)
MOST_BACKLOG = 65_535
"""The highest value that a kernel can be set to allow."""
EXAMPLE = "python manage.py serve --bind 127.0.0.1:{port}"


class Command(CommandWithExitCodes):
    """The command that serves until it is stopped, without development features."""

    exit_codes = SERVER_EXIT_CODES
    help = (
        "Serve the feeds, the page and the admin in production, like runserver but without "
        "restarts on code changes. Set DEBUG=false."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--bind",
            action="append",
            type=parse,
            metavar="HOST:PORT",
            help="address to listen on, IPv6 in brackets; or unix:/PATH for a Unix socket; or fd: "
            "for the first socket that systemd passed, fd:N for descriptor N; repeat it for more "
            f"(default: {DEFAULT})",
        )
        parser.add_argument(
            "--backlog",
            type=whole(MOST_BACKLOG),
            default=LIMITS.backlog,
            metavar="N",
            help="connections that may wait to be accepted (default: %(default)s)",
        )
        parser.add_argument(
            "--reuse-port",
            action="store_true",
            help="share the address with other processes that also set this, one per core "
            "(default: off)",
        )
        parser.add_argument(
            "--allow-debug",
            action="store_true",
            help="serve other machines although DEBUG is on, in a network that you trust "
            "(default: off)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Serve; exits 1 with a sentence if that is not possible."""
        require_engines()
        if settings.DEBUG:
            log.warning(
                "DEBUG is on: error pages reveal code and settings. Set DEBUG=false in production"
            )
        if not settings.COMPILED_PASS:
            log.info("Python writes to the sockets, because COMPILED_PASS is off")
        elif best_pass() is python_pass:
            log.info(
                "Python writes to the sockets; compile faster code with: python -m tools.compile"
            )
        server = FeedServer(get_default_application(), action_logger=RequestLog(self.style))
        how = {"backlog": options["backlog"], "reuse_port": options["reuse_port"]}
        for at in options["bind"] or [DEFAULT]:
            listener = listen(at, EXAMPLE, **how)
            if settings.DEBUG and is_reachable(listener) and not options["allow_debug"]:
                raise CommandError(
                    f"DEBUG is on, and other machines can reach {at}: error pages would show them "
                    "code and settings. Set DEBUG=false, or add --allow-debug"
                )
            server.listen_at(listener)
            place = shown(at, listener, settings.PATH_PREFIX)
            log.info("serving at %s; Ctrl-C or SIGTERM stops it", place)
        server.run()
        ignore_stops()
        if server.exit_code:
            sys.exit(server.exit_code)
