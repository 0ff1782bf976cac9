"""True latency despite a wrong clock of the client."""

from __future__ import annotations

import json

import pytest

from tests.support.judge import judge
from tests.support.stack import Stack
from tests.support.wrong_clock import WrongClock, needs_compiler
from tools.waiting import PATIENCE_SECONDS

AHEAD = 3
"""Seconds by which the client's clock is wrong."""


@needs_compiler
@pytest.mark.parametrize("off", [AHEAD, -AHEAD])
def test_wrong_clock_of_the_client_is_corrected(stack: Stack, off: int) -> None:
    """A clock error of 3 s is measured to within its bound, and affects no latency."""
    stack.server()
    stack.generator("--rate=50")
    with stack.variables(WrongClock(stack.folder, off).environment):
        client = stack.client(
            "alice",
            *("--feed=users", "--block-size=20", "--blocks=4", "--json", "--label=clock off"),
        )
    assert client.process.wait(PATIENCE_SECONDS) == 0, client.said
    session = judge(stack.log("alice"))
    for block in session.blocks[1:]:
        clock, latency = block.header["clock"], block.header["latency"]
        assert clock["offset"] == pytest.approx(-off, abs=clock["error"])
        # No message is sent before it is due.
        assert latency["p50"] >= -clock["error"]
    (stored,) = stack.rows(
        "SELECT clock_offset, clock_error, label, latency_p50, verdict FROM feeds_blockreport "
        "WHERE number = 4"
    )
    header = session.blocks[3].header
    said = (header["clock"]["offset"], header["clock"]["error"], "clock off")
    assert stored == (*said, header["latency"]["p50"], "verified")
    summary = json.loads(client.said.splitlines()[-1])
    assert summary["clock"]["error"] >= header["clock"]["error"]
