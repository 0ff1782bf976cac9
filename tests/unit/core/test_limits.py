"""The limits of the hub and its streams."""

from feeds.core.hub import Hub
from feeds.core.limits import Limits
from feeds.core.stream import Stream
from tests.support.hub_parts import ByHand, Recoveries
from tests.support.slow_writer import SlowWriter, pass_over


def test_recent_messages() -> None:
    """A stream keeps at most this many messages: the newest."""
    stream = Stream(0, most_messages=3, most_bytes=1000)
    stream.append(1, [b"a"] * 5)
    assert (stream.first, stream.head) == (3, 5)


def test_recent_bytes() -> None:
    """A stream keeps at most this many bytes, but always one message of any size."""
    stream = Stream(0, most_messages=100, most_bytes=10)
    stream.append(1, [b"12345"] * 3)
    assert (stream.first, stream.head) == (2, 3)
    stream.append(4, [b"x" * 50])
    assert (stream.first, stream.head) == (4, 4)


def test_cohort_size() -> None:
    """One turn writes to at most this many sockets."""
    hub = Hub(Limits(cohort_size=2), pass_over, Recoveries(), ByHand())
    hub.open_stream("users", 0)
    for _ in range(5):
        hub.subscribe(SlowWriter({"users": 0}), {"users": 0})
    list(hub.turns())
    (cohorts,) = hub._cohorts.values()
    assert sorted(len(cohort.members) for cohort in cohorts) == [1, 2, 2]
