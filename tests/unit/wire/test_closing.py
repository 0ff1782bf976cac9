"""Close codes and their ranges."""

import pytest

from clientapp.wire.closing import Close, may_return


@pytest.mark.parametrize(
    ("code", "comes_back"),
    [
        (None, True),
        (1000, False),
        (1001, True),
        (1006, True),
        (4000, True),
        (4001, True),
        (4499, True),
        (4500, False),
        (4999, False),
    ],
)
def test_the_range_decides(code: int | None, comes_back: bool) -> None:  # noqa: FBT001  a parameter
    """A client obeys a code it has never heard of by its range."""
    assert may_return(code) is comes_back


def test_a_drain_asks_to_come_back() -> None:
    """A server that stops expects its clients again; one that is done does not."""
    assert (may_return(Close.DRAIN), may_return(Close.DONE)) == (True, False)
