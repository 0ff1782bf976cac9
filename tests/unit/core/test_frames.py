"""Frames, judged by another implementation of RFC 6455."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from feeds.core.frames import frame, payloads

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 65537]
"""Both sides of every place where the length changes its form."""


@pytest.mark.parametrize("size", SIZES)
def test_bytes_are_those_of_the_standard(size: int) -> None:
    """A frame is what the websockets library makes of the same text."""
    payload = b"x" * size

    assert frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


@given(st.lists(st.one_of(st.binary(max_size=200), st.sampled_from(SIZES).map(bytes))))
def test_payloads_undo_frames(said: list[bytes]) -> None:
    """Frames that were joined come apart into what they carry, in order."""
    assert list(payloads(b"".join(map(frame, said)))) == said
