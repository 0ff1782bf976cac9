"""
Contradictions within a report, found without a feed, a clock or the database.

Our clients compute all members of a report from the same messages, so these members agree. A
report that contradicts itself is refused. Impossible times are not refused, because a wall clock
can be set while a block is collected. They are *not believed*: the block is stored and verified,
and figures leave it out.
"""

from __future__ import annotations

from clientapp.wire.report import Report
from clientapp.wire.request import DEFAULT_CLIENT
from clientapp.wire.sentence import parse_sentence

ROUNDED_SECONDS = 0.001
"""The largest rounding difference between the sentence, with three decimals, and `seconds`."""
SLACK_SECONDS = 5.0
"""The largest accepted difference of two clocks; a generator may run on another host."""
ERROR_SECONDS = 30.0
"""The largest accepted error of a clock offset. A busy client may measure it badly, but a client
whose pong takes longer than this has stalled."""
DRIFT = 0.01
"""The largest accepted difference in speed of two clocks; cheap ones have a hundredth of it."""


def find_contradiction(report: Report, client: str) -> str:
    """
    Return why a client called *client* cannot report this; empty if it can.

    If *client* is `DEFAULT_CLIENT`, the sentence may have any name.
    """
    sentence = parse_sentence(report.text)
    if sentence is None:
        return f"text is {report.text[:80]!a}; it must be the sentence of block {report.block}"
    if sentence.client != client != DEFAULT_CLIENT:
        return f"text names the client {sentence.client!a}, but this one is {client!a}"
    if sentence.block != report.block:
        return f"text is of block {sentence.block}, but block is {report.block}"
    if abs(sentence.seconds - report.seconds) > ROUNDED_SECONDS + 1e-9 * report.seconds:
        return f"text says {sentence.seconds} s, but seconds is {report.seconds}"
    latency = report.latency
    if not latency.p50 <= latency.p99 <= latency.max:
        return (
            f"latency has p50 {latency.p50}, p99 {latency.p99} and max {latency.max}; "
            "p50 must not be above p99, nor p99 above max"
        )
    return ""


def are_believable(report: Report, oldest: float) -> bool:
    """
    Tell whether the times in *report* can be true.

    The block's first message is *oldest* seconds old, by the server's clock. So the block took no
    longer to arrive, and no message of it has a higher latency.
    """
    most = oldest * (1 + DRIFT) + SLACK_SECONDS
    wall = (report.finished_at - report.started_at) / 1_000_000
    error = report.clock.error if report.clock is not None else 0.0
    return (
        abs(wall - report.seconds) <= SLACK_SECONDS + DRIFT * report.seconds
        and report.seconds <= most
        and error <= ERROR_SECONDS
        and (report.clock is None or report.latency.max <= most + error)
        and (report.clock is None or report.latency.p50 >= -(error + SLACK_SECONDS))
    )
