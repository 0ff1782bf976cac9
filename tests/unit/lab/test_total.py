"""The same messages at each block size."""

from __future__ import annotations

import pytest

from clientapp.lab.analysis.total import totals
from tests.support.trials import timed_blocks, trial


def test_total_is_the_same_at_each_size() -> None:
    """Twenty messages take nineteen steps at any size; waits between blocks do not count."""
    found = totals([trial(block_size=size, repeat=n) for size in (1, 4, 10) for n in (1, 2)])
    assert [(each.block_size, each.messages, each.reports) for each in found] == [
        (1, 20, 20),
        (4, 20, 5),
        (10, 20, 2),
    ]
    assert [each.seconds for each in found] == pytest.approx([1.9] * 3)
    assert [each.in_blocks for each in found] == pytest.approx([0.0, 5 * 0.3, 2 * 0.9])
    assert [each.ideal for each in found] == pytest.approx([1.9] * 3)
    assert all(each.interval is not None for each in found)


def test_shortest_client_limits_the_total() -> None:
    """The client with the fewest messages determines how many are compared."""
    few = timed_blocks(4, 3, client="a") + timed_blocks(4, 5, client="b")
    found = totals([trial(block_size=4, blocks=few), trial(block_size=2)])
    assert {each.messages for each in found} == {12}
    assert [each.reports for each in found] == [6, 3]


def test_total_ends_before_a_left_out_block() -> None:
    """Later blocks are not compared, because time passed in the block left out."""
    blocks = [block for block in timed_blocks(4, 5) if block.number != 3]
    found = totals([trial(block_size=4, blocks=blocks), trial(block_size=2)])
    assert {each.messages for each in found} == {8}


@pytest.mark.parametrize(
    "sizes",
    [(5,), (4, 15)],
    ids=["a single size", "no common number of messages"],
)
def test_no_common_number_has_no_total(sizes: tuple[int, ...]) -> None:
    """Without a common number of messages at several sizes there is no total."""
    assert totals([trial(block_size=size, blocks=timed_blocks(size, 1)) for size in sizes]) == []
