"""Faults between server and client: each is noticed and named correctly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fault_proxy import FaultProxy
from tests.support.faults import Fault, MessageFaults
from tests.support.judge import judge
from tests.support.log_oracle import OracleSession, offsets, read_log
from tests.support.stack import Program, Stack, until
from tools.waiting import PATIENCE_SECONDS

SIZE = 5
FAULTS: dict[tuple[str, int], Fault] = {
    ("users", 8): "lost",
    ("users", 19): "doubled",
    ("users", 29): "swapped",
    ("users", 40): "altered",
    ("users", 50): "lost",
    ("users", 52): "doubled",
}
"""Each fault is in the middle of a block, with a whole block between two of them."""
BROKEN = {
    2: "users: 8 missing",
    6: "users: 29 out of order",
    8: "users: 40 altered",
    10: "users: 50 missing, 52 duplicated",
}
"""The broken blocks, with the reasons."""
DIFFERENCES = {
    2: {"users": {"missing": [[8, 8]]}},
    6: {"users": {"out of order": [[29, 29]]}},
    8: {"users": {"altered": [[40, 40]]}},
    10: {"users": {"missing": [[50, 50]], "doubled": [[52, 52]]}},
}
DUPLICATES = {4: 19, 6: 29, 10: 52}
"""The blocks in which a duplicate was dropped, with its offset."""
GAPS = {2: 8, 6: 29, 10: 50}
"""The blocks in which an offset was not in its place, with that offset."""
LAST = 11
"""The last block with any of these faults."""


@pytest.fixture
def proxy(stack: Stack) -> Iterator[FaultProxy]:
    """Put the faults in front of the server, again for each connection."""
    with FaultProxy(stack.port, lambda: MessageFaults(FAULTS)) as proxy:
        yield proxy


def collect(stack: Stack, proxy: FaultProxy, *options: str) -> Program:
    """Run alice from offset 1 on until she knows the fault of every block."""
    server = stack.server()
    alice = stack.client("alice", f"--url={proxy.url}", f"--block-size={SIZE}", *options)
    server.wait_for("alice connected")
    stack.generator("--feed=users", "--rate=50")
    until(lambda: stack.log("alice").exists() and is_judged(stack), lambda: alice.said)
    assert alice.stop() == 0, alice.said
    assert "Traceback" not in alice.said + server.said
    return alice


def is_judged(stack: Stack) -> bool:
    """Tell whether the log has the final verdict of every block."""
    text = stack.log("alice").read_text(encoding="utf-8")
    words = [f"{block}: broken, {reason}" for block, reason in BROKEN.items()]
    return all(f"of block {word}\n" in text for word in [*words, f"{LAST}: verified"])


def expected(block: int) -> tuple[str, str]:
    """Return the verdict of a block, and its reason."""
    return ("broken", BROKEN[block]) if block in BROKEN else ("verified", "")


def judge_log(session: OracleSession) -> None:
    """Check that every fault is in the log where it happened, and nowhere else."""
    for block in session.blocks[:LAST]:
        number = block.number
        verdict = ", ".join(filter(None, expected(number)))
        assert session.verdicts[number] == verdict
        again = [("users", DUPLICATES[number])] if number in DUPLICATES else []
        assert block.dropped == again
        gaps = [f"users {GAPS[number]} to {GAPS[number]}: unannounced"] if number in GAPS else []
        assert [gap.removeprefix("--- gap ").split(",")[0] for gap in block.gaps] == gaps
        assert block.header["feeds"]["users"]["duplicates"] == len(again)
        assert block.header["feeds"]["users"]["gaps"] == 0


def judge_rows(stack: Stack) -> None:
    """Check that the stored rows agree."""
    rows = stack.rows(
        "SELECT number, verdict, reason, difference, json_extract(ranges, '$.users.duplicates')"
        " FROM feeds_blockreport WHERE number <= ? ORDER BY number",
        LAST,
    )
    assert [row[0] for row in rows] == list(range(1, LAST + 1))
    for number, verdict, reason, difference, duplicates in rows:
        assert (verdict, reason) == expected(number)
        found = json.loads(difference) if difference else {}
        # The fault proxy may alter a message in any way, so its checksum is not compared.
        arrived = found.get("users", {}).pop("checksums", [])
        assert found == DIFFERENCES.get(number, {})
        altered = found.get("users", {}).get("altered", [])
        assert [[offset, offset] for offset, _ in arrived] == altered
        assert duplicates == (number in DUPLICATES)
    assert stack.rows("SELECT broken, unverifiable FROM feeds_clientsession") == [(len(BROKEN), 0)]


def test_faults_are_named_to_a_person(stack: Stack, proxy: FaultProxy) -> None:
    """Log, terminal and database name each lost, duplicated, swapped and altered message."""
    alice = collect(stack, proxy)
    lines = alice.said.splitlines()
    for block in range(1, LAST + 1):
        verdict, reason = expected(block)
        assert f"Block {block} {verdict}{f': {reason}' if reason else ''}" in lines
    for offset in GAPS.values():
        assert f"Gap in users: {offset} to {offset} will not arrive (unannounced)" in lines
    (session,) = read_log(stack.log("alice"))
    judge_log(session)
    judge_rows(stack)


def test_faults_are_named_to_a_program(stack: Stack, proxy: FaultProxy) -> None:
    """With ``--json`` the last verdict of each block is the expected one, and the counts add up."""
    alice = collect(stack, proxy, "--json")
    events = [json.loads(line) for line in alice.said.splitlines()]
    last = {event["block"]: event for event in events if event["event"] == "ack"}
    for block in range(1, LAST + 1):
        assert (last[block]["verdict"], last[block]["reason"]) == expected(block)
    gaps = [(event["first"], event["last"]) for event in events if event["event"] == "gap"]
    assert gaps == [(offset, offset) for offset in GAPS.values()]
    summary = events[-1]
    assert summary["event"] == "summary"
    assert (summary["gaps"], summary["duplicates"]) == (len(GAPS), len(DUPLICATES))
    assert summary["verdicts"]["broken"] == len(BROKEN)
    assert summary["unacknowledged"] == 0


def test_lost_tail_is_fetched(tmp_path: Path) -> None:
    """Messages lost before the feed stops are requested again after heartbeats name them."""
    stack = Stack(tmp_path, settings="tests.support.impatient_settings")
    tail = MessageFaults({("users", 9): "lost", ("users", 10): "lost"})
    try:
        with FaultProxy(stack.port, lambda: tail) as proxy:
            server = stack.server()
            alice = stack.client("alice", f"--url={proxy.url}", f"--block-size={SIZE}", "--json")
            server.wait_for("alice connected")
            generator = stack.start("generate", "--feed=users", "--rate=50", "--count=10")
            assert generator.process.wait(PATIENCE_SECONDS) == 0
            reason = (
                "the server breaks the protocol: "
                "no message of users arrived after 8, but the feed is at 10"
            )
            alice.wait_for(f'"reason":"{reason}"')
            until(
                lambda: "of block 2: verified" in stack.log("alice").read_text(), lambda: alice.said
            )
            assert alice.stop() == 0
    finally:
        stack.close()
    session = judge(stack.log("alice"))
    assert offsets(session, "users") == list(range(1, 11))
    assert session.verdicts == {1: "verified", 2: "verified"}
    assert session.blocks[1].header["interrupted"]
