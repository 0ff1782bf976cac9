"""The same messages at each block size."""

from __future__ import annotations

import pytest

from clientapp.lab.analysis.total import totals
from tests.support.trials import timed_blocks, trial


def test_the_same_messages_at_each_size() -> None:
    """Twenty messages take nineteen steps at any size; their blocks leave the waits out."""
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


def test_no_more_than_every_client_has() -> None:
    """The client with the fewest messages says how many are compared."""
    few = timed_blocks(4, 3, client="a") + timed_blocks(4, 5, client="b")
    found = totals([trial(block_size=4, blocks=few), trial(block_size=2)])
    assert {each.messages for each in found} == {12}
    assert [each.reports for each in found] == [6, 3]


def test_nothing_is_compared_across_a_block_that_is_left_out() -> None:
    """What comes after it is no part of the first messages: the clock ran on meanwhile."""
    blocks = [block for block in timed_blocks(4, 5) if block.number != 3]
    found = totals([trial(block_size=4, blocks=blocks), trial(block_size=2)])
    assert {each.messages for each in found} == {8}


@pytest.mark.parametrize(
    "sizes",
    [(5,), (4, 15)],
    ids=["a single size", "no common number of messages"],
)
def test_nothing_to_compare(sizes: tuple[int, ...]) -> None:
    """Where no N is a whole number of blocks at several sizes, there is no total."""
    assert totals([trial(block_size=size, blocks=timed_blocks(size, 1)) for size in sizes]) == []
