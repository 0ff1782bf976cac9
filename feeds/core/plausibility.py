"""
Contradictions within a report, found without a feed, a clock or the database.

Our clients compute all members of a report from the same messages, so theirs agree.
A report that contradicts itself is refused. Wall clocks can be set while a block is
collected, so times that cannot be true are not refused, but are *not believed*: the
block is stored and verified, and figures leave it out.
"""

from __future__ import annotations

from clientapp.wire.report import Report
from clientapp.wire.request import DEFAULT_CLIENT
from clientapp.wire.sentence import parse_sentence

ROUNDED_SECONDS = 0.001
"""Most difference between the seconds of a sentence and the field: it has three decimals."""
SLACK_SECONDS = 5.0
"""Most difference of two clocks without a doubt: a generator may have a host of its own."""
ERROR_SECONDS = 30.0
"""Most uncertainty of a clock. A busy client may measure it badly, but one whose pong takes longer
than this has stalled."""
DRIFT = 0.01
"""Most difference in the speed of two clocks: a hundred times that of cheap ones."""


def find_contradiction(report: Report, client: str) -> str:
    """
    Return why no client called *client* can report this; empty if one can.

    A client without a name may have any in its sentence.
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

    Its first message is *oldest* seconds old, by the server's clock: so it took the block no
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
