"""The progress of a generator."""

import pytest

from feeds.making.progress import BATCHES_KEPT, Progress


def test_messages_are_counted() -> None:
    """The messages of batches are added up; the last batch sets the offset."""
    progress = Progress("users")
    progress.add(10, 10, 0.5)
    progress.add(13, 3, 0.25)
    assert (progress.offset, progress.published) == (13, 13)


@pytest.mark.parametrize(("percent", "lateness"), [(50, 0.050), (99, 0.099), (100, 0.100)])
def test_percentiles_are_measured_values(percent: int, lateness: float) -> None:
    """Among a hundred batches the p50 is the fiftieth in size, in any order."""
    progress = Progress("users")
    for number in range(100, 0, -1):
        progress.add(101 - number, 1, number / 1000)
    assert progress.lateness(percent) == lateness


def test_no_batch_has_no_percentile() -> None:
    """Without batches a percentile is an error."""
    with pytest.raises(ValueError, match="nothing was published"):
        Progress("users").lateness(50)


def test_keeps_the_last_batches() -> None:
    """However long a generator runs, it keeps a bounded number of batches: the newest."""
    progress = Progress("users")
    for number in range(1, BATCHES_KEPT + 2):
        progress.add(number, 1, float(number))
    assert len(progress.latenesses) == BATCHES_KEPT
    assert progress.lateness(0) == 2.0
