"""The forms of a feed, and the form of each client."""

from typing import Any

import pytest

from clientapp.wire.codec import encode
from clientapp.wire.from_server import Gap
from clientapp.wire.message import make_line
from feeds.core.form import PLAIN, PROTOCOL, Form, form_of
from feeds.core.frames import frame

LINES = [
    make_line("users", offset, 0, data) for offset, data in enumerate((b"1", b'"{\\"a\\":2}"'), 1)
]
GAP = encode(Gap(feed="users", first=2, last=1, epoch="f" * 12, cause="epoch").write()).encode()


def test_plain_frames_are_those_of_messages() -> None:
    """Plain frames leave out gaps; if there is no gap, the argument itself is returned."""
    held = frame(LINES[0]) + frame(GAP) + frame(LINES[1])
    assert PROTOCOL.frames(held) is held
    assert PLAIN.frames(held) == frame(LINES[0]) + frame(LINES[1])
    same = frame(LINES[0]) + frame(LINES[1])
    assert PLAIN.frames(same) is same


def test_record_that_looks_like_a_gap_is_kept() -> None:
    """Only the start of a frame determines its kind."""
    held = frame(make_line("users", 1, 0, GAP))
    assert PLAIN.frames(held) == held


@pytest.mark.parametrize(
    ("scope", "form"),
    [
        ({"query_string": b""}, PLAIN),
        ({"query_string": b"client=\xff&session=1"}, PROTOCOL),
        ({"query_string": b"client=\xff"}, PLAIN),
        ({"query_string": b"", "subprotocols": ["blockfeed.v1"]}, PROTOCOL),
        ({"query_string": b"", "subprotocols": ["blockfeed.v2"]}, PLAIN),
    ],
)
def test_every_connection_has_a_form(scope: dict[str, Any], form: Form) -> None:
    """Every connection has a form, even one that is refused."""
    assert form_of(scope) is form
