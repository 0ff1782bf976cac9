"""
Faults of the connection between server and client, message by message.

An altered message stays JSON and differs in one byte.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from typing import Literal

Fault = Literal["lost", "doubled", "swapped", "altered"]

_ACK = b'{"type":"ack"'


class CutError(Exception):
    """The signal to break the connection here."""


class Faults:
    """The faults of the texts on a connection: none, unless a subclass adds some."""

    def from_server(self, text: bytes) -> list[bytes]:
        """Return the texts that arrive instead of *text*; raises CutError."""
        return [text]

    def from_client(self, text: bytes) -> list[bytes]:
        """Return the texts that arrive instead of *text*; raises CutError."""
        return [text]


class MessageFaults(Faults):
    """Faults of single messages, given by feed and offset; each happens once."""

    def __init__(self, faults: Mapping[tuple[str, int], Fault]) -> None:
        self._faults = dict(faults)
        self._held: list[bytes] = []
        """Texts that arrive after the next message."""

    def from_server(self, text: bytes) -> list[bytes]:
        """Lose, duplicate or alter a message, or swap it with the next one."""
        obj = json.loads(text)
        if obj["type"] != "message":
            return [text]
        held, self._held = self._held, []
        match self._faults.pop((obj["feed"], obj["offset"]), None):
            case "lost":
                return held
            case "doubled":
                return [text, text, *held]
            case "altered":
                return [alter(text), *held]
            case "swapped":
                self._held = [text]
                return held
        return [text, *held]


class Storm(Faults):
    """Lost acknowledgements and cut connections, at random but seeded."""

    def __init__(self, seed: int, *, lost_acks: float, cuts: float) -> None:
        """Lose each acknowledgement with probability *lost_acks*; cut at each text with *cuts*."""
        self._random = random.Random(seed)
        self._lost_acks = lost_acks
        self._cuts = cuts
        self.acks_lost = 0
        self.connections_cut = 0

    def calm(self) -> None:
        """Lose and cut nothing from now on."""
        self._lost_acks = self._cuts = 0.0

    def from_server(self, text: bytes) -> list[bytes]:
        """Lose an acknowledgement, or cut."""
        if text.startswith(_ACK) and self._random.random() < self._lost_acks:
            self.acks_lost += 1
            return []
        return self.from_client(text)

    def from_client(self, text: bytes) -> list[bytes]:
        """Forward the text, or cut."""
        if self._random.random() < self._cuts:
            self.connections_cut += 1
            raise CutError
        return [text]


def alter(text: bytes) -> bytes:
    """Return *text* with the lowest bit of its last digit flipped."""
    *_, digit = re.finditer(rb"[0-9]", text)
    at = digit.start()
    return text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]
