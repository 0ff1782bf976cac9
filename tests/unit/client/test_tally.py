"""The summary of a run."""

from clientapp.core.block import Block
from clientapp.core.tally import Tally
from clientapp.wire.report import Clock, Latency, Report


def block(latency: float, clock: Clock | None, *, interrupted: bool = False) -> Block:
    """Return a block of one message."""
    report = Report(
        block=1,
        text="",
        feeds={},
        size=1,
        seconds=0.0,
        started_at=0,
        finished_at=0,
        latency=Latency(p50=latency, p99=latency, max=latency),
        interrupted=interrupted,
        clock=clock,
    )
    return Block(report=report, lines=(), latencies=(latency,), positions={}, due=(0, 0), rates={})


def test_latencies_by_two_clocks_are_not_mixed() -> None:
    """The first latency by the server's clock replaces those by the client's own clock."""
    tally = Tally(block_size=1)
    tally.add_block(block(3.0, None))
    own = tally.summary(unacknowledged=0, log="")
    assert (own.latency, own.clock) == (Latency(p50=3.0, p99=3.0, max=3.0), None)
    tally.add_block(block(0.5, Clock(offset=3.0, error=0.25)))
    tally.add_block(block(1.0, Clock(offset=3.125, error=0.125)))
    summary = tally.summary(unacknowledged=0, log="")
    assert summary.latency == Latency(p50=0.5, p99=1.0, max=1.0)
    assert (summary.clock, summary.blocks) == (Clock(offset=3.125, error=0.25), 3)


def test_interrupted_blocks_are_counted_and_not_timed() -> None:
    """Messages that were caught up after an outage do not count as latencies of the run."""
    tally = Tally(block_size=1)
    tally.add_block(block(9.0, Clock(offset=0.0, error=0.5), interrupted=True))
    assert tally.summary(unacknowledged=0, log="").latency is None
    tally.add_block(block(0.25, Clock(offset=0.0, error=0.125)))
    summary = tally.summary(unacknowledged=0, log="")
    assert summary.latency == Latency(p50=0.25, p99=0.25, max=0.25)
    assert (summary.blocks, summary.interrupted, summary.clock) == (
        2,
        1,
        Clock(offset=0.0, error=0.125),
    )
