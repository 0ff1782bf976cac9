"""The faults that tests inject into connections."""

import json

import pytest

from tests.support.faults import CutError, Fault, MessageFaults, Storm, alter


def message(offset: int) -> bytes:
    """Return the text of a message."""
    line = {"type": "message", "feed": "users", "offset": offset, "at": 5, "data": [offset, "x"]}
    return json.dumps(line).encode()


@pytest.mark.parametrize(
    ("fault", "arrived"),
    [("lost", [1, 3, 4]), ("doubled", [1, 2, 2, 3, 4]), ("swapped", [1, 3, 2, 4])],
)
def test_message_fault_happens_once(fault: Fault, arrived: list[int]) -> None:
    """The named message has its fault once; other messages and controls pass."""
    faults = MessageFaults({("users", 2): fault})
    texts = [message(offset) for offset in (1, 2, 3, 4)]
    assert [out for text in texts for out in faults.from_server(text)] == [
        message(offset) for offset in arrived
    ]
    assert faults.from_server(message(2)) == [message(2)]
    assert faults.from_server(b'{"type":"heartbeat"}') == [b'{"type":"heartbeat"}']


def test_altered_message_stays_json() -> None:
    """One byte of the data differs, and the text stays JSON."""
    (text,) = MessageFaults({("users", 2): "altered"}).from_server(message(2))
    assert sum(a != b for a, b in zip(text, message(2), strict=True)) == 1
    assert json.loads(text) == json.loads(message(2)) | {"data": [3, "x"]}
    assert alter(text) == message(2)


def test_storm_loses_acknowledgements_and_cuts() -> None:
    """A storm loses only acknowledgements and may cut any frame; a calm one does neither."""
    ack = b'{"type":"ack","block":1}'
    storm = Storm(1, lost_acks=1.0, cuts=0.0)
    assert storm.from_server(ack) == []
    assert storm.from_server(message(1)) == [message(1)]
    assert storm.from_client(ack) == [ack]
    cutting = Storm(1, lost_acks=0.0, cuts=1.0)
    for way in (cutting.from_server, cutting.from_client):
        with pytest.raises(CutError):
            way(message(1))
    storm.calm()
    cutting.calm()
    assert storm.from_server(ack) == [ack]
    assert cutting.from_client(ack) == [ack]
    assert (storm.acks_lost, cutting.connections_cut) == (1, 2)
