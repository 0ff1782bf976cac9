"""Frames, checked by another implementation of RFC 6455."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from feeds.core.frames import frame, payloads

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 65537]
"""Both sides of each size at which the length field changes."""


@pytest.mark.parametrize("size", SIZES)
def test_frame_equals_that_of_websockets(size: int) -> None:
    """A frame equals the one that the websockets library makes of the same text."""
    payload = b"x" * size

    assert frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


@given(st.lists(st.one_of(st.binary(max_size=200), st.sampled_from(SIZES).map(bytes))))
def test_payloads_are_the_inverse_of_frames(said: list[bytes]) -> None:
    """Joined frames are split into their payloads again, in order."""
    assert list(payloads(b"".join(map(frame, said)))) == said
