"""Django's ``runserver``, on our server: starts clearly and stops cleanly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Any

from daphne.management.commands.runserver import Command as DaphneCommand
from django.utils import autoreload
from twisted.internet import reactor

from feeds.daphne.server import FeedServer
from feeds.management.address import Address
from feeds.management.engines import require_engines
from feeds.management.help import SERVER_EXIT_CODES, CommandWithExitCodes
from feeds.management.requestlog import RequestLog
from feeds.running.stops import heeded_stops, ignore_stops

RELOAD = 3
"""The exit code by which Django's reloader asks to be started again."""
EXAMPLE = "python manage.py runserver 8001"


class Command(CommandWithExitCodes, DaphneCommand):  # type: ignore[misc]  # daphne is not typed
    """Runs the server; prints every client's coming, going and words."""

    exit_codes = SERVER_EXIT_CODES
    help = (
        "Serve the feeds, the page and the admin; prints with times every connect, "
        "every disconnect and every message of a client."
    )

    def run(self, **options: Any) -> None:
        """Run the server, under a parent that restarts it on code changes."""
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
        # Django's handler for them ends in a traceback where the Host is wrong.
        return super().get_application({**options, "use_static_handler": False})

    def server_cls(self, **options: Any) -> _Run:
        """Make the server; Daphne calls this as if it were a class."""
        self._server = FeedServer(**options)
        self._server.listen_at(Address(self.addr, int(self.port)).listen(EXAMPLE))
        return _Run(self._server)

    def log_action(self, protocol: str, action: str, details: dict[str, Any]) -> None:
        """Print what `RequestLog` does."""
        RequestLog(self.style)(protocol, action, details)

    def _watch(self) -> None:
        try:
            reloader = autoreload.get_reloader()
            reloader.run(threading.main_thread())
        except SystemExit:
            reactor.callFromThread(lambda: self._server.drain(RELOAD))


class _Run:
    """What Daphne's command calls ``run`` on: the server, and its exit code."""

    def __init__(self, server: FeedServer) -> None:
        self._server = server

    def run(self) -> None:
        """Run until the server stops; exits non-zero where it must not go on."""
        self._server.run()
        ignore_stops()
        if self._server.exit_code:
            sys.exit(self._server.exit_code)


def _run_child() -> int:
    """
    Run the server as a child, again and again while it asks for it.

    Django's own ends the child a quarter of a second after Ctrl-C; this one
    passes signals on and waits, so that the drain comes to its end.
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
        child = subprocess.Popen(  # noqa: S603  the same command once more
            autoreload.get_child_arguments(), env=environ, close_fds=False
        )
        code = child.wait()
        if code != RELOAD:
            ignore_stops()
            # A child that was stopped before it was up died of the signal: as asked.
            return 0 if stops and code < 0 else code
