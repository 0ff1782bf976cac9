"""
The programs of ``tests/foreign``, and the reports that the server must store for each.

Each program writes everything that it receives and sends to its own file, with which the database
is compared.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.stack import Program, Stack, until


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """The properties of one program."""

    script: str
    name: str
    """The name in its sentences."""
    block: int
    """Messages in each of its blocks."""
    declares_size: bool = False
    misses_some: bool = False
    """Whether it is disconnected between two blocks."""
    carries_over: bool = False
    """Whether a block that a lost connection interrupts continues on the next connection."""


CLIENTS = (
    Style(script="counts_frames.py", name="1", block=3),
    Style(script="says_lower_case.py", name="lower", block=5),
    Style(script="threads.py", name="threads", block=4),
    Style(script="websocket_app.py", name="Web Socket", block=6, carries_over=True),
    Style(script="blocking_sleeps.py", name="sleeper", block=2),
    Style(script="with_aiohttp.py", name="aio", block=10, carries_over=True),
    Style(script="new_connection_per_block.py", name="again", block=3, misses_some=True),
    Style(script="says_its_size.py", name="sized", block=5, declares_size=True),
    Style(script="talks_a_lot.py", name="talker", block=1),
    Style(script="bare_socket.py", name="Bare-1", block=12),
    Style(script="node_ws.cjs", name="node", block=4),
)


class Foreign:
    """One running program."""

    def __init__(self, stack: Stack, style: Style, folder: Path) -> None:
        self._stack = stack
        self._style = style
        self._program: Program | None = None
        self._file = stack.folder / f"{style.script}.txt"
        self._path = folder / style.script
        self.script = style.script
        self.exact = None if style.misses_some else 60
        """Messages in its blocks after the first sixty; None if it misses some."""
        self._compared: tuple[list[tuple[str, float]], list[tuple[str, float, int]]] = [], []

    def start(self, interpreter: str) -> None:
        """Start it as its author would."""
        self._file.touch()
        command = (interpreter, str(self._path), self._stack.url, str(self._file))
        self._program = self._stack.program(self._style.script, *command)

    def wait_until(self, holds: Callable[[], bool], server: Program) -> None:
        """Wait until *holds* returns true; on failure show the output of program and server."""
        assert self._program is not None
        program = self._program
        until(holds, lambda: f"{self.script}: {self._state()}\n{program.said}\n{server.said}")

    def frames(self) -> list[str]:
        """Return every text that it received."""
        return [line for line in self._lines() if not line.startswith("said ")]

    def said(self) -> list[tuple[str, float]]:
        """Return each sentence that it sent, and the seconds in it."""
        found = []
        for line in self._lines():
            if line.startswith("said "):
                _, seconds, sentence = line.split(" ", 2)
                found.append((sentence, float(seconds)))
        return found

    def counted_all(self, messages: int) -> bool:
        """Tell whether all blocks of the first *messages* messages are stored."""
        blocks = messages // self._style.block
        return self._style.misses_some or len(self._stored()) == len(self.said()) == blocks

    def stored_sizes(self) -> int:
        """Return the number of messages in its stored blocks."""
        return sum(size for _, _, size in self._stored())

    def has_all_up_to(self, head: int) -> bool:
        """Tell whether it received the message at *head*, the newest offset."""
        return bool(frames := self.frames()) and json.loads(frames[-1])["offset"] == head

    def missing(self) -> int:
        """Return how many messages complete its current block; 0: it has just ended one."""
        received = self._received()
        counted = sum(received) if self._style.carries_over else received[-1]
        return -counted % self._style.block

    def adds_up(self) -> bool:
        """
        Tell whether the blocks on its last connection hold every message received there.

        This is true only if a block has ended and no message followed it: a message that
        is on its way while the server reads a sentence counts for that sentence's block.
        """
        return self._sizes()[-1] == self._received()[-1]

    def check_restart(self) -> None:
        """Compare sizes with frames on the connection that a restart of the server ended."""
        received, sizes = self._received(), self._sizes()
        assert len(received) == len(sizes) == 2
        first = next(iter(self._stored_by_session().values()))
        # The server counts the messages that it wrote. The client got all of them before the
        # close, but messages after the last sentence are in no block.
        assert len(first) * self._style.block <= sizes[0] <= received[0]

    def is_whole(self) -> bool:
        """Tell whether each of its sentences is stored; keep both lists for `check`."""
        self._compared = sorted(self.said()), sorted(self._stored())
        said, stored = self._compared
        return [sentence for sentence, _ in said] == [text for text, _, _ in stored]

    def check(self) -> None:
        """Compare the stored reports with the program's own record, after `is_whole`."""
        # It may have read and said more since then.
        said, stored = self._compared
        assert said
        assert {json.loads(text)["type"] for text in self.frames()} == {"message"}
        assert [seconds for _, seconds, _ in stored] == pytest.approx(
            [seconds for _, seconds in said], abs=1e-6
        )
        if self._style.declares_size:
            assert {size for _, _, size in stored} == {self._style.block}
        elif self._style.misses_some:
            assert all(size >= self._style.block for _, _, size in stored)
        numbers = (
            "SELECT count(*), max(number), s.sentences FROM feeds_blockreport r JOIN "
            "feeds_clientsession s ON s.id = r.session_id WHERE s.client = ? GROUP BY s.id"
        )
        for count, highest, sentences in self._stack.rows(numbers, self._style.name):
            assert count == highest == sentences

    def _lines(self) -> list[str]:
        text = self._file.read_text(encoding="utf-8")
        return text[: text.rfind("\n") + 1].splitlines()

    def _received(self) -> list[int]:
        """Return how many messages each connection received: only a new one may skip offsets."""
        offsets = [json.loads(text)["offset"] for text in self.frames()]
        first = [
            place
            for place, offset in enumerate(offsets)
            if not place or offset != offsets[place - 1] + 1
        ]
        return [end - start for start, end in pairwise([*first, len(offsets)])]

    def _sizes(self) -> list[int]:
        """Return how many messages the stored blocks of each session have, in order."""
        return [sum(sizes) for sizes in self._stored_by_session().values()]

    def _stored_by_session(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for session, size in self._stack.rows(
            "SELECT s.id, r.size FROM feeds_blockreport r JOIN feeds_clientsession s "
            "ON s.id = r.session_id WHERE s.client = ? AND r.plain ORDER BY s.id, r.number",
            self._style.name,
        ):
            found.setdefault(session, []).append(size)
        return found

    def _stored(self) -> list[tuple[str, float, int]]:
        return self._stack.rows(
            "SELECT r.text, r.seconds, r.size FROM feeds_blockreport r JOIN "
            "feeds_clientsession s ON s.id = r.session_id WHERE s.client = ? AND r.plain",
            self._style.name,
        )

    def _state(self) -> str:
        kinds = Counter(line[:20] for line in self._lines())
        sums = f"received {self._received()}, in blocks {self._sizes()}"
        return f"{self.said()[-3:]}, {kinds.most_common(5)}, {sums}, stored {self._stored()[-3:]}"
