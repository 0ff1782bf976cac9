"""Clients that start after the generator has ended: their messages, and their timeouts."""

from __future__ import annotations

import sys

from clientapp.verify import verify
from tests.support.log_oracle import offsets, read_log
from tests.support.stack import CHECKOUT, PATIENCE_SECONDS, Program, Stack

MESSAGES = 30
PATIENT = f"--timeout={PATIENCE_SECONDS:g}"


def ended(client: Program) -> int:
    """Wait for a client's end; return its exit code."""
    return client.process.wait(PATIENCE_SECONDS)


def test_late_client_gets_all_messages(stack: Stack) -> None:
    """A late client starts at any offset, or resumes from its log; without messages it gives up."""
    stack.server()
    generator = stack.start("generate", "--feed=users", f"--count={MESSAGES}", "--rate=100")
    assert generator.process.wait(PATIENCE_SECONDS) == 0, generator.said
    size = "--block-size=10"
    early = stack.client("early", "--from=start", size, "--blocks=3", PATIENT)
    middle = stack.client("middle", "--from=11", size, "--blocks=2", PATIENT)
    late = stack.client("late", size, "--blocks=1", "--timeout=2")
    ahead = stack.client("ahead", "--from=1000000", size)
    for client, first in ((early, 1), (middle, 11)):
        assert ended(client) == 0, client.said
        assert f"the server found {(MESSAGES - first + 1) // 10} verified\n" in client.said
    for name, first in (("early", 1), ("middle", 11)):
        (session,) = read_log(stack.log(name))
        assert offsets(session, "users") == list(range(first, MESSAGES + 1))
    assert ended(late) == 4, late.said
    assert late.said.endswith("no new message arrived for 2 s\n")
    assert ended(ahead) == 3, ahead.said
    assert f"from=1000000 lies ahead of users, which ends at {MESSAGES}" in ahead.said
    again = stack.client("early", "--from=start", size, "--blocks=1", "--timeout=2")
    assert ended(again) == 4, again.said
    (session,) = read_log(stack.log("early"))
    assert len(session.blocks) == 3
    eight = eight_clients(stack, "--from=start", size, "--blocks=3", PATIENT)
    assert ended(eight) == 0, eight.said
    for number in range(1, 9):
        findings = verify(stack.folder / "logs" / f"ada-{number}.log").findings
        assert findings is not None
        assert findings.is_whole
        assert findings.sessions[0].verdicts == {"verified": 3}
    rows = stack.rows(
        "SELECT client, count(*) FROM feeds_blockreport JOIN feeds_clientsession s "
        "ON s.id = session_id WHERE client LIKE 'ada-%' GROUP BY client ORDER BY client"
    )
    assert rows == [(f"ada-{number}", 3) for number in range(1, 9)]


def eight_clients(stack: Stack, *options: str) -> Program:
    """Start eight clients with one command, in the folder of the installation."""
    script = str(CHECKOUT / "clientapp" / "client.py")
    named = (f"--url={stack.url}", "--name=ada", "--clients=8")
    return stack._spawn("eight", [sys.executable, script, *named, *options], stack.folder)
