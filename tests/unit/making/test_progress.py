"""How far a generator is."""

import pytest

from feeds.making.progress import BATCHES_KEPT, Progress


def test_counts_messages_and_ends() -> None:
    """Messages add up over batches, and the offset is the last one's."""
    progress = Progress("users")
    progress.add(10, 10, 0.5)
    progress.add(13, 3, 0.25)
    assert (progress.offset, progress.published) == (13, 13)


@pytest.mark.parametrize(("percent", "lateness"), [(50, 0.050), (99, 0.099), (100, 0.100)])
def test_percentiles_are_measured_values(percent: int, lateness: float) -> None:
    """Of a hundred batches the p50 is the fiftieth, whatever their order."""
    progress = Progress("users")
    for number in range(100, 0, -1):
        progress.add(101 - number, 1, number / 1000)
    assert progress.lateness(percent) == lateness


def test_nothing_was_published() -> None:
    """There is no percentile of nothing."""
    with pytest.raises(ValueError, match="nothing was published"):
        Progress("users").lateness(50)


def test_keeps_the_last_batches() -> None:
    """However long a generator runs, it keeps so many batches, the newest."""
    progress = Progress("users")
    for number in range(1, BATCHES_KEPT + 2):
        progress.add(number, 1, float(number))
    assert len(progress.latenesses) == BATCHES_KEPT
    assert progress.lateness(0) == 2.0
