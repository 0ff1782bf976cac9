"""Django's ``runserver`` with our server, clear errors at start and a clean stop."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from typing import Any

from daphne.management.commands.runserver import Command as DaphneCommand
from django.conf import settings
from django.utils import autoreload
from twisted.internet import reactor

from feeds.daphne.server import FeedServer
from feeds.management.address import Address
from feeds.management.engines import require_engines
from feeds.management.help import SERVER_EXIT_CODES, CommandWithExitCodes
from feeds.management.requestlog import RequestLog
from feeds.running.stops import heeded_stops, ignore_stops

log = logging.getLogger("feeds.daphne.server")

RELOAD = 3
"""The exit code with which Django's reloader requests a restart."""
EXAMPLE = "python manage.py runserver {port}"


class Command(CommandWithExitCodes, DaphneCommand):  # type: ignore[misc]  # daphne is not typed
    """The command that runs the server and logs the actions of clients."""

    exit_codes = SERVER_EXIT_CODES
    help = (
        "Serve the feeds, the page and the admin. Prints every connect, disconnect and message "
        "of a client, with the time."
    )

    def run(self, **options: Any) -> None:
        """Run the server; unless turned off, under a parent that restarts it on code changes."""
        if not options["use_reloader"]:
            self.inner_run(None, **options)
        elif os.environ.get(autoreload.DJANGO_AUTORELOAD_ENV) != "true":
            sys.exit(_run_child())
        else:
            # The server runs in the main thread, where signals arrive.
            threading.Thread(target=self._watch, daemon=True).start()
            autoreload.check_errors(self.inner_run)(None, **options)

    def check_migrations(self) -> None:
        """Refuse to start without tables, or without the embedded server."""
        require_engines()

    def get_application(self, options: dict[str, Any]) -> Any:
        """Return the application, whose middleware serves the static files."""
        # Django's handler for them fails with a traceback if the Host is wrong.
        return super().get_application({**options, "use_static_handler": False})

    def server_cls(self, **options: Any) -> _Run:
        """Return the server; Daphne calls this as if it were a class."""
        self._server = FeedServer(**options)
        address = Address(self.addr, int(self.port))
        self._server.listen_at(address.listen(EXAMPLE))
        if settings.PATH_PREFIX:  # Daphne's command has printed the address without the prefix
            log.info("serving at http://%s%s/", address, settings.PATH_PREFIX)
        return _Run(self._server)

    def log_action(self, protocol: str, action: str, details: dict[str, Any]) -> None:
        """Log an action by `RequestLog`."""
        RequestLog(self.style)(protocol, action, details)

    def _watch(self) -> None:
        try:
            reloader = autoreload.get_reloader()
            reloader.run(threading.main_thread())
        except SystemExit:
            reactor.callFromThread(lambda: self._server.drain(RELOAD))


class _Run:
    """The object whose ``run`` Daphne's command calls: the server with its exit code."""

    def __init__(self, server: FeedServer) -> None:
        self._server = server

    def run(self) -> None:
        """Run until the server stops; exits with its code unless that is 0."""
        self._server.run()
        ignore_stops()
        if self._server.exit_code:
            sys.exit(self._server.exit_code)


def _run_child() -> int:
    """
    Run the server as a child, and restart it as often as it requests.

    Django's own parent kills the child a quarter of a second after Ctrl-C; this
    one forwards signals and waits, so that the drain can finish.
    """
    environ = {**os.environ, autoreload.DJANGO_AUTORELOAD_ENV: "true"}
    child: subprocess.Popen[bytes] | None = None

    stops: list[int] = []

    def forward(number: int, _: Any) -> None:
        stops.append(number)
        if child is not None:
            child.send_signal(number)

    for number in heeded_stops():
        signal.signal(number, forward)
    while True:
        child = subprocess.Popen(  # noqa: S603  the same command again
            autoreload.get_child_arguments(), env=environ, close_fds=False
        )
        code = child.wait()
        if code != RELOAD:
            ignore_stops()
            # A child stopped before it installed its handlers is killed by the signal, as intended.
            return 0 if stops and code < 0 else code
