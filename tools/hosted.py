"""
One installation for the tests of another project.

`blockfeed.testing` starts it. It reads requests from standard input, one JSON
object per line, and answers each with one line, which has the number of the
request. The first line, with the address, has the number 0. When its input ends, it kills its
programs and removes their data, which is in a temporary folder. The input ends even if the tests
are killed. Django runs in this process, so that
a request needs no new one.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_SH, flock
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tools.installation import CHECKOUT, COMMANDS
from tools.ports import HOST, any_port, home, is_taken

LOOK_SECONDS = 0.02
"""Interval between looks for a change of a program or of a feed."""
PATIENCE_SECONDS = 300.0
"""The deadline of each wait: reached only by a hang."""
_starting = threading.Lock()
"""Locked during a start, and after the end of the input, so that nothing starts then."""
LAST_LINES = 20
"""Lines of a program's output in an error message."""


class RequestError(Exception):
    """A request that cannot be carried out; the text says why."""


class Program:
    """A command of ``manage.py``, with its output in a file."""

    def __init__(self, folder: Path, name: str, *options: str) -> None:
        self._command = [sys.executable, *COMMANDS[name], *options]
        self._output = folder / f"{name}.out"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, unless it is running."""
        if not self.is_running:
            with _starting, self._output.open("ab") as output:
                # Shared by every process that inherits this file, until the last one ends.
                flock(output, LOCK_SH)
                self._process = subprocess.Popen(
                    self._command,
                    cwd=CHECKOUT,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    process_group=0,
                )

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self._process is not None:
            self._process.send_signal(number)

    def end(self, number: signal.Signals) -> None:
        """End it with a signal, even if it is suspended."""
        if self._process is not None:
            self.send(number)
            self.send(signal.SIGCONT)
            self._process.wait()

    def wait_for_children(self) -> None:
        """Wait until its child processes have ended, too: a late one would create data again."""
        with self._output.open("ab") as output:
            flock(output, LOCK_EX)

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until *condition* holds; raises RequestError with its output if it ends."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if not self.is_running or time.monotonic() > end:
                said = self._output.read_text(encoding="utf-8", errors="replace").splitlines()
                raise RequestError("\n".join([f"{what} failed:", *said[-LAST_LINES:]]))
            time.sleep(LOOK_SECONDS)


class Host:
    """The programs of the installation, and the requests about them."""

    def __init__(self, folder: Path) -> None:
        """Use *folder* for data; Django is not set up yet."""
        self._port = any_port()
        self._server = Program(folder, "serve", "--bind", f"{HOST}:{self._port}")
        self._generator = Program(folder, "generate")
        self._paused: set[str] = set()

    def begin(self) -> dict[str, Any]:
        """Migrate and start the programs; return the address."""
        import django  # noqa: PLC0415  after the environment is complete
        from django.core.management import call_command  # noqa: PLC0415

        django.setup()
        call_command("migrate", verbosity=0)
        from tools import hosted_feeds  # noqa: PLC0415  it needs Django

        self._feeds = hosted_feeds
        own = (self.start, self.restart, self.kill, self.freeze, self.thaw, self.restore)
        of_feeds = (self.create, self.rate, self.pause, self.resume)
        self._actions: dict[str, Callable[..., Any]] = {
            "check": hosted_feeds.differences,
            "session": hosted_feeds.session,
        }
        for action in (*own, *of_feeds):
            self._actions[action.__name__] = action
        self._generator.start()
        self.start()
        self._generator.wait(hosted_feeds.all_run, "starting the generator")
        address = home(self._port)
        return {"url": f"ws://{address}", "page": f"http://{address}"}

    def end(self) -> None:
        """Kill the programs, and wait until their child processes have noticed it."""
        for program in (self._generator, self._server):
            program.end(signal.SIGKILL)
        for program in (self._generator, self._server):
            program.wait_for_children()

    def answer(self, request: dict[str, Any]) -> Any:
        """Carry out one request; raises RequestError."""
        try:
            return self._actions[request.pop("do")](**request)
        except ValueError as error:
            raise RequestError(str(error)) from None

    def restart(self) -> None:
        """Stop the server cleanly and start it again."""
        self._server.end(signal.SIGTERM)
        self.start()

    def kill(self) -> None:
        """Kill the server."""
        self._server.end(signal.SIGKILL)

    def freeze(self) -> None:
        """Suspend the server."""
        self._server.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the server continue."""
        self._server.send(signal.SIGCONT)

    def restore(self) -> None:
        """Let the server and all paused feeds run again."""
        self.thaw()
        self.start()
        for feed in sorted(self._paused):
            self.resume(feed)

    def create(self, **feed: Any) -> None:
        """Create a feed and wait until it runs."""
        self._feeds.create(**feed)
        self._generator.wait(self._feeds.all_run, "starting the feed")

    def rate(self, feed: str, rate: float) -> None:
        """Set the rate of a feed and wait until it has it."""
        self._feeds.set_rate(feed, rate)
        self._generator.wait(lambda: self._feeds.has_rate(feed), "changing the rate")

    def pause(self, feed: str) -> None:
        """Switch a feed off."""
        since = self._feeds.switch(feed, on=False)
        self._paused.add(feed)
        self._wait_for_switch(feed, since)

    def resume(self, feed: str) -> None:
        """Switch a feed on."""
        since = self._feeds.switch(feed, on=True)
        self._wait_for_switch(feed, since)
        self._paused.discard(feed)

    def start(self) -> None:
        """Start the server, unless it is running, and wait until it listens."""
        self._server.start()
        self._server.wait(lambda: is_taken(self._port), "starting the server")

    def _wait_for_switch(self, feed: str, since: int) -> None:
        switched = self._feeds.has_switched
        self._generator.wait(lambda: switched(feed, since), "switching the feed")


def main() -> None:
    """Answer requests until the end of the input."""
    argparse.ArgumentParser(
        prog="python -m tools.hosted",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    # The terminal's Ctrl-C is for the program that reads the answers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers, sys.stdout = sys.stdout, sys.stderr
    folder = mkdtemp(prefix="blockfeed-")
    os.environ["BLOCKFEED_VAR"] = folder
    os.environ["DJANGO_SETTINGS_MODULE"] = "wsproject.settings"
    host = Host(Path(folder))
    ending = threading.Thread(target=end_with_input, args=(host, folder), daemon=True)
    ending.start()
    try:
        # The reader may have ended; then so does the input.
        with suppress(BrokenPipeError), answers:
            print(tell(0, host.begin), file=answers, flush=True)
            for request in requests(sys.stdin):
                answer = tell(request.pop("number"), partial(host.answer, request))
                print(answer, file=answers, flush=True)
    finally:
        # If the main thread ended, the other one might not finish.
        ending.join()


def requests(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the requests; skip a line that is torn because its writer was interrupted."""
    for line in lines:
        with suppress(json.JSONDecodeError):
            yield json.loads(line)


def end_with_input(host: Host, folder: str) -> None:
    """At the end of the input, end this process, its programs and its data, whatever it does."""
    watch = select.poll()
    watch.register(sys.stdin.fileno(), 0)
    watch.poll()  # returns only at a hang-up, not for a line
    with _starting:
        host.end()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)


def tell(number: int, call: Callable[[], Any]) -> str:
    """Return the line with the number of a request and the result of *call*, or its error."""
    try:
        return json.dumps({"number": number, "result": call()})
    except RequestError as error:
        return json.dumps({"number": number, "error": str(error)})
    except Exception as error:  # noqa: BLE001  the other process raises it
        return json.dumps({"number": number, "error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
