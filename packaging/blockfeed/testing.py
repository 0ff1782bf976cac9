"""
A server for tests: one installation with a free port and temporary data.

The pytest plugin gives each test run a fixture ``blockfeed`` of this kind. Without pytest::

    with running() as blockfeed:
        ...

It ends with the process that started it, however that process ends.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from blockfeed import application

MOST_SHOWN = 50
"""The most offsets that a failed check lists; it always gives their number."""
WAIT_SECONDS = 60.0
"""Time for the reports of a client to be stored."""
LOOK_SECONDS = 0.05


class BlockfeedError(Exception):
    """Blockfeed could not be started, or could not carry out a request; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The reports of one client, over all its sessions."""

    client: str
    blocks: int
    """Reports stored."""
    messages: int
    """Messages in those blocks."""
    broken: int
    unverifiable: int
    blocks_verified: int

    @property
    def verified(self) -> bool:
        """Whether the client sent reports, and the server verified all of them."""
        return 0 < self.blocks == self.blocks_verified


class Blockfeed:
    """A running server with a generator; any thread may use it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Use *process*, which runs ``tools.hosted``; raises BlockfeedError if it fails."""
        self._process = process
        self._lock = threading.Lock()
        self._number = 0
        self._is_disturbed = False
        begun = self._read()
        self.address: str = begun["url"]
        """The server's address for clients, such as ``ws://127.0.0.1:35591/``."""
        self.page: str = begun["page"]
        """The address of its page."""

    def url(self, *feeds: str, rate: float | None = None, **options: str | int) -> str:
        """
        Return an address for a client of *feeds*; without any, the server's default applies.

        With *rate*, in messages per second, the feeds have that rate when this returns, and keep
        it. *options* are parameters of the address, such as ``client`` and ``block_size``.
        """
        if rate is not None:
            for feed in feeds:
                self._ask("rate", feed=feed, rate=rate)
        query = urlencode([*(("feed", feed) for feed in feeds), *options.items()])
        return f"{self.address}?{query}" if query else self.address

    def create(
        self,
        feed: str,
        kind: str = "users",
        *,
        rate: float = 1,
        seed: int = 1,
        spec: Mapping[str, Any] | None = None,
    ) -> str:
        """Create a feed of its own for a test, wait until it runs, and return its name."""
        self._ask("create", feed=feed, kind=kind, rate=rate, seed=seed, spec=dict(spec or {}))
        return feed

    def restart(self) -> None:
        """Stop the server cleanly and start it again at the same address."""
        self._ask("restart")

    def kill(self) -> None:
        """Kill the server, as ``kill -9`` does; `start` starts it again."""
        self._is_disturbed = True
        self._ask("kill")

    def start(self) -> None:
        """Start the server, unless it is running."""
        self._ask("start")

    def freeze(self) -> None:
        """Suspend the server: its connections stay open, and nothing arrives until `thaw`."""
        self._is_disturbed = True
        self._ask("freeze")

    def thaw(self) -> None:
        """Let a suspended server continue."""
        self._ask("thaw")

    def pause(self, feed: str) -> None:
        """Pause a feed; when this returns, no further messages are generated."""
        self._is_disturbed = True
        self._ask("pause", feed=feed)

    def resume(self, feed: str) -> None:
        """Let a paused feed continue with its next offset."""
        self._ask("resume", feed=feed)

    def restore(self) -> None:
        """Undo `kill`, `freeze` and `pause`; the plugin does this after each test."""
        if self._is_disturbed:
            self._ask("restore")
            self._is_disturbed = False

    def check(
        self,
        feed: str,
        got: Iterable[str | bytes | Mapping[str, Any] | int],
        *,
        first: int | None = None,
        last: int | None = None,
    ) -> None:
        """
        Compare the messages that a consumer got of *feed* with those that were sent.

        *got* has messages in the order of their arrival: as text, parsed, or only their offsets.
        From the first to the last of them none may be missing, duplicated, out of order or altered;
        *first* and *last* also require messages before and after, which must have been sent. Raises
        AssertionError with the differences, such as ``users: 2 missing: 17, 34; 1 duplicated: 40``.
        """
        sent = [one.decode() if isinstance(one, bytes) else one for one in got]
        found: dict[str, list[int]] | str = self._ask(
            "check", feed=feed, got=sent, first=first, last=last
        )
        if isinstance(found, str):
            faults = [found]
        else:
            kinds = found.items()
            faults = [f"{len(each)} {kind}: {_listed(each)}" for kind, each in kinds if each]
        if faults:
            raise AssertionError(f"{feed}: {'; '.join(faults)}")

    def session(self, client: str, *, blocks: int = 1) -> Session:
        """
        Return the reports of *client*, once *blocks* of them are stored.

        Raises BlockfeedError if that takes more than `WAIT_SECONDS`.
        """
        end = time.monotonic() + WAIT_SECONDS
        while True:
            found = self._ask("session", client=client)
            if found is not None and found["blocks"] >= blocks:
                return Session(blocks_verified=found.pop("verified"), **found)
            if time.monotonic() > end:
                stored = "0 (it has no session)" if found is None else found["blocks"]
                raise BlockfeedError(
                    f"reports of client {client!r}: expected {blocks}, stored {stored}"
                )
            time.sleep(LOOK_SECONDS)

    def _ask(self, do: str, **request: Any) -> Any:
        with self._lock:
            assert self._process.stdin is not None
            self._number += 1
            asked = json.dumps({"number": self._number, "do": do, **request})
            try:
                # On a line of its own, even if writing the previous request was interrupted.
                print(f"\n{asked}", file=self._process.stdin, flush=True)
            except OSError:
                raise BlockfeedError("Blockfeed has ended") from None
            return self._read()

    def _read(self) -> Any:
        """Return the answer to the last request; skip answers that nobody waits for any more."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            # A line whose reading was interrupted has lost its beginning.
            with suppress(json.JSONDecodeError):
                answer = json.loads(line)
                if answer["number"] == self._number:
                    break
        else:
            raise BlockfeedError("Blockfeed has ended")
        if "error" in answer:
            raise BlockfeedError(answer["error"])
        return answer["result"]


@contextmanager
def running() -> Iterator[Blockfeed]:
    """Run a server with a generator within the context; raises BlockfeedError."""
    environment = application.environment()
    environment.pop("BLOCKFEED_VAR", None)
    with subprocess.Popen(
        application.command("-m", "tools.hosted"),
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # So that Ctrl-C on a terminal reaches only the tests.
        process_group=0,
    ) as process:
        # Leaving this context closes the input, at whose end the process cleans up.
        yield Blockfeed(process)


def _listed(offsets: list[int]) -> str:
    """Return offsets as text for a message: at most `MOST_SHOWN`, and the number of others."""
    shown = ", ".join(map(str, offsets[:MOST_SHOWN]))
    more = len(offsets) - MOST_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
