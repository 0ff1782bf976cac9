"""The faults of several hosts, and their order: pure logic, which causes none of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A kind of fault in a host or its program."""

    KILLED = "killed"
    KILLED_INSIDE = "killed inside a transaction, its link cut"
    RESTARTED = "restarted"
    FROZEN = "frozen"
    CUT = "link cut"
    FLAPPING = "link cut again and again"
    CLOCK = "clock wrong"


SERVERS = ("server-1", "server-2")
GENERATOR = "generator"
"""The host whose generator has the feeds: the other one stands by."""
DATABASE, LAYER = "postgresql", "redis"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault."""

    kind: Kind
    host: str
    """A host; "server" is one of the servers, and `GENERATOR` one of the generators."""
    amount: float = 0.0
    """Seconds that it lasts, or by which a clock is wrong; or the number of cuts of a link."""

    @property
    def name(self) -> str:
        """The fault in words, without the number of its host."""
        unit = " times" if self.kind is Kind.FLAPPING else " s"
        amount = f" {self.amount:g}{unit}" if self.amount else ""
        return f"{self.host.rstrip('-12')}: {self.kind}{amount}"


KINDS = (
    Fault(Kind.KILLED, "server", 2),
    Fault(Kind.KILLED_INSIDE, "server", 10),
    Fault(Kind.CUT, "server", 1),
    Fault(Kind.CUT, "server", 10),
    Fault(Kind.CUT, "server", 60),
    Fault(Kind.FLAPPING, "server", 20),
    Fault(Kind.CLOCK, "server", 5),
    Fault(Kind.CLOCK, "server", 40),
    Fault(Kind.KILLED, GENERATOR, 5),
    Fault(Kind.CUT, GENERATOR, 10),
    Fault(Kind.RESTARTED, DATABASE),
    Fault(Kind.FROZEN, DATABASE, 8),
    Fault(Kind.RESTARTED, LAYER),
    Fault(Kind.FROZEN, LAYER, 8),
)
"""Every fault once."""


def plan(chance: random.Random, rounds: int) -> Iterator[Fault]:
    """Choose the order of the faults in each round, and the server of each."""
    for _ in range(rounds):
        faults = list(KINDS)
        chance.shuffle(faults)
        for fault in faults:
            host = chance.choice(SERVERS) if fault.host == "server" else fault.host
            yield Fault(fault.kind, host, fault.amount)


def healthy(fault: Fault) -> tuple[str, ...]:
    """Return the servers whose acknowledgements *fault* must not delay."""
    if fault.host == DATABASE:
        return ()
    return tuple(server for server in SERVERS if server != fault.host)
