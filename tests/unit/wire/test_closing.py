"""Close codes and their ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.wire.closing import MAX_REASON_BYTES, Close, fit_reason, may_return


@pytest.mark.parametrize(
    ("code", "returns"),
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
def test_unknown_code_is_obeyed_by_its_range(code: int | None, returns: bool) -> None:  # noqa: FBT001  a parameter
    """A client obeys an unknown close code by its range."""
    assert may_return(code) is returns


def test_drain_asks_clients_to_return() -> None:
    """A server that stops expects its clients back; one that is done does not."""
    assert (may_return(Close.DRAIN), may_return(Close.DONE)) == (True, False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("feed='nope' is not a feed here", "feed='nope' is not a feed here"),
        ("x" * 123, "x" * 123),
        ("x" * 124, "x" * 120 + "…"),
        ("é" * 62, "é" * 60 + "…"),
        ("x" + "😀" * 31, "x" + "😀" * 29 + "…"),
        ("one\ntwo", r"one\ntwo"),
    ],
)
def test_reason_is_cut_between_characters(text: str, reason: str) -> None:
    """A reason that is too long loses its end, but never half a character."""
    assert fit_reason(text) == reason


@given(st.text())
def test_any_text_fits_into_a_close_frame(text: str) -> None:
    """The reason has at most 123 bytes and no control characters."""
    reason = fit_reason(text)

    assert len(reason.encode()) <= MAX_REASON_BYTES
    assert reason.isprintable()
