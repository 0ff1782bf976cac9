"""
A real headless browser, controlled by its debugging protocol.

https://chromedevtools.github.io/devtools-protocol/ (domains Page, Runtime, Log,
Network, Inspector and Target). Any Chromium will do; it contacts no other host.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tools.waiting import until

CHROMIUMS = (
    "chromium-headless-shell",
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
)
"""Programs, the fastest first: the shell has no user interface, and needs a fifth less time."""
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--in-process-gpu",
    "--disable-breakpad",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--disable-features=SpareRendererForSitePerProcess",
    "--remote-debugging-port=0",
)


class NoBrowserError(Exception):
    """No Chromium is installed; the sentence says what to do."""


class Protocol:
    """One connection of the debugging protocol, with calls and events."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol; return its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message: dict[str, Any] = json.loads(self._socket.recv(timeout=60))
            if message.get("id") == self._number:
                assert "error" not in message, f"{method}: {message['error']}"
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, event: dict[str, Any]) -> None:
        """Process an event. Connections that enabled no domain get no events."""


class Browser(Protocol):
    """One page of a running browser."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__(socket)
        self._has_crashed = False
        self.requests: list[str] = []
        """The URLs of all requests by pages."""
        self.errors: list[str] = []
        """Errors on the console, and uncaught exceptions."""
        for domain in ("Page", "Runtime", "Log", "Network", "Inspector"):
            self.call(f"{domain}.enable")
        # Several pages are open at once, but only one of them has the real focus.
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def is_well(self) -> bool:
        """Tell whether the page still answers."""
        if self._has_crashed:
            return False
        try:
            self.evaluate("0")
        except (AssertionError, ConnectionClosed, TimeoutError):
            return False
        return True

    def forget(self) -> None:
        """Go to an empty page; clear the requests and the errors."""
        self.call("Page.navigate", url="about:blank")
        self.wait_for("location.href === 'about:blank'")
        self.requests.clear()
        self.errors.clear()

    def open(
        self,
        url: str,
        *,
        width: int = 1440,
        height: int = 1000,
        dark: bool = False,
        still: bool = False,
    ) -> None:
        """Go to *url* and wait until it is loaded; *still* asks for reduced motion."""
        self.prefer(dark=dark, still=still)
        self.resize(width, height)
        self.call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def prefer(self, *, dark: bool = False, still: bool = False) -> None:
        """Set the user's preferences: dark colours, reduced motion."""
        wishes = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce" if still else "no-preference",
        }
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self.call("Emulation.setEmulatedMedia", features=features)

    def resize(self, width: int, height: int = 1000) -> None:
        """Resize the window, in pixels; a narrow one is a phone's."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        until(
            lambda: bool(self.evaluate(expression)),
            lambda: (
                f"{expression} is not true; the page says:\n"
                + str(self.evaluate("document.body?.innerText"))
            ),
        )

    def picture(self, path: Path, *, highest: float = inf) -> None:
        """Save the page as a PNG, at most *highest* pixels from its top."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {
            "x": 0,
            "y": 0,
            "width": self.evaluate("innerWidth"),
            "height": min(size["height"], highest),
            "scale": 1,
        }
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(answer["data"]))

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Network.webSocketCreated":
                self.requests.append(params["url"])
            case "Runtime.exceptionThrown":
                self.errors.append(str(params["exceptionDetails"]))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.errors.append(f"{params['entry']['text']} {params['entry'].get('url')}")
            case "Inspector.targetCrashed":
                self._has_crashed = True
                raise AssertionError("the page crashed")


class Chromium:
    """A running browser."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, own: Protocol) -> None:
        self._process = process
        self._port = port
        self._own = own

    def is_well(self) -> bool:
        """Tell whether it is running and answers."""
        try:
            self._own.call("Browser.getVersion")
        except (ConnectionClosed, TimeoutError):
            return False
        return self._process.poll() is None

    @contextmanager
    def page(self) -> Iterator[Browser]:
        """Open a page with its own cookies and cache, which are deleted at the end."""
        context = self._own.call("Target.createBrowserContext")["browserContextId"]
        try:
            target = self._own.call(
                "Target.createTarget", url="about:blank", browserContextId=context
            )["targetId"]
            url = f"ws://127.0.0.1:{self._port}/devtools/page/{target}"
            with connect(url, max_size=None, max_queue=None) as socket:
                yield Browser(socket)
        finally:
            # If the browser crashed, its pages are gone already.
            with suppress(ConnectionClosed):
                self._own.call("Target.disposeBrowserContext", browserContextId=context)


def program() -> str | None:
    """Return the path of a Chromium; None if none is installed."""
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


@contextmanager
def chromium(profile: Path) -> Iterator[Chromium]:
    """Run a browser with a new *profile*; raises NoBrowserError if none is installed."""
    found = program()
    if found is None:
        raise NoBrowserError("no Chromium is installed; on Debian: apt-get install chromium")
    process = subprocess.Popen(
        [found, *QUIET, f"--user-data-dir={profile}", "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    try:
        port_file = profile / "DevToolsActivePort"
        until(
            lambda: port_file.exists() and len(port_file.read_text().split()) == 2,
            lambda: "no browser",
        )
        port, path = port_file.read_text().split()
        with connect(f"ws://127.0.0.1:{port}{path}", max_size=None, max_queue=None) as socket:
            yield Chromium(process, int(port), Protocol(socket))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Run a browser with a new *profile* for one page; raises NoBrowserError like `chromium`."""
    with chromium(profile) as running, running.page() as page:
        yield page
