"""The plan of faults on several hosts."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tools.chaos.hosts.plan import DATABASE, GENERATOR, KINDS, LAYER, SERVERS, Fault, healthy, plan

ROUNDS = 3


def test_each_round_has_each_fault_once() -> None:
    """Every fault happens once per round, on one of the servers; each round has its own order."""
    faults = list(plan(random.Random(1), ROUNDS))
    rounds = [faults[at : at + len(KINDS)] for at in range(0, len(faults), len(KINDS))]
    assert len(rounds) == ROUNDS
    wanted = Counter(fault.name for fault in KINDS)
    assert all(Counter(fault.name for fault in one) == wanted for one in rounds)
    assert len(wanted) == len(KINDS)
    assert rounds[0] != rounds[1]
    assert {fault.host for fault in faults} == {*SERVERS, GENERATOR, DATABASE, LAYER}


def test_seed_decides_the_plan() -> None:
    """The same seed gives the same faults."""
    first, second, other = (list(plan(random.Random(seed), ROUNDS)) for seed in (1, 1, 2))
    assert first == second != other


@pytest.mark.parametrize("fault", list(plan(random.Random(1), 1)), ids=lambda fault: fault.name)
def test_broken_server_is_not_healthy(fault: Fault) -> None:
    """A server's acknowledgements count, unless the fault hits that server or the database."""
    expected = set() if fault.host == DATABASE else set(SERVERS) - {fault.host}
    assert set(healthy(fault)) == expected
