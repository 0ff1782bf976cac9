"""The rules for slow and dead clients, without a clock."""

from hypothesis import given
from hypothesis import strategies as st

from feeds.core.limits import Limits
from feeds.core.patience import Patience, Silence, Traffic

LIMITS = Limits(stall_seconds=30.0, slowest_rate=1000, unread_bytes=100_000)


def traffic(
    taken: int, received: int = 0, *, in_flight: bool = False, waits: bool = True
) -> Traffic:
    """Return the traffic seen by a look at a connection."""
    return Traffic(taken=taken, received=received, in_flight=in_flight, waits=waits)


def patience() -> Patience:
    """Return the timer of a connection that starts now."""
    return Patience(LIMITS, traffic(0), 0.0)


def test_idle_connection_does_not_stall() -> None:
    """A connection without waiting bytes does not stall."""
    one = patience()
    assert not one.is_over(traffic(10, waits=False), 1.0)
    assert not one.is_over(traffic(10, waits=False), 1000.0)
    assert not one.is_over(traffic(10), 1029.0)


def test_dead_connection_is_given_up() -> None:
    """Bytes in flight that are not acknowledged mean that the client is gone."""
    one = patience()
    assert not one.is_over(traffic(50_000, in_flight=True), 1.0)
    assert not one.is_over(traffic(50_000, in_flight=True), 30.9)
    assert one.is_over(traffic(50_000, in_flight=True), 31.0)


def test_reader_below_the_slowest_rate_is_given_up() -> None:
    """A client must read a full buffer at the slowest rate or faster."""
    one = patience()
    assert not one.is_over(traffic(50_000), 1.0)
    assert not one.is_over(traffic(50_000), 80.9)
    assert one.is_over(traffic(50_000), 81.0)


def test_large_buffer_gives_no_more_time() -> None:
    """Bytes that the kernel takes beyond the limit do not count as read."""
    one = patience()
    assert not one.is_over(traffic(50_000_000), 1.0)
    assert not one.is_over(traffic(50_000_000), 130.9)
    assert one.is_over(traffic(50_000_000), 131.0)


def test_received_data_is_progress() -> None:
    """Data from the client is progress, and shows that earlier bytes were read."""
    one = patience()
    assert not one.is_over(traffic(50_000, received=1), 1.0)
    assert not one.is_over(traffic(50_000, received=2), 29.0)
    assert not one.is_over(traffic(50_000, received=2), 58.9)
    assert one.is_over(traffic(50_000, received=2), 59.0)


@given(
    buffer=st.integers(1000, LIMITS.unread_bytes),
    step=st.floats(0.1, 10.0),
    rate=st.integers(LIMITS.slowest_rate, 10 * LIMITS.slowest_rate),
)
def test_slow_reader_is_never_cut_off(buffer: int, step: float, rate: int) -> None:
    """A client that reads at the slowest rate stays, however rarely its kernel makes room."""
    one = patience()
    taken, now = buffer, 0.0
    while now < 1000:
        assert not one.is_over(traffic(taken), now)
        now += step
        # The kernel makes room for a whole buffer after the previous one was read.
        taken = buffer * (1 + int(now * rate // buffer))


@given(
    buffer=st.integers(0, 10 * LIMITS.unread_bytes),
    step=st.floats(0.1, 10.0),
    in_flight=st.booleans(),
)
def test_client_without_progress_is_closed(buffer: int, step: float, *, in_flight: bool) -> None:
    """A client that takes nothing is closed after a bounded time."""
    one = patience()
    now = 0.0
    while not one.is_over(traffic(buffer, in_flight=in_flight), now):
        now += step
        assert now < 30 + 100 + 2 * step
    assert now >= 30


def test_silence_ends_when_bytes_are_taken() -> None:
    """No ping is due while bytes are taken or waiting; afterwards the period starts again."""
    one = Silence(20.0, traffic(0, waits=False), 0.0)
    assert not one.is_over(traffic(0, waits=False), 19.9)
    assert one.is_over(traffic(0, waits=False), 20.0)
    assert not one.is_over(traffic(2, waits=False), 22.0)
    assert not one.is_over(traffic(2, waits=True), 40.0)
    assert not one.is_over(traffic(2, waits=False), 59.9)
    assert one.is_over(traffic(2, waits=False), 60.0)


def test_silence_without_kernel_data_is_periodic() -> None:
    """If the kernel reports nothing, a client is pinged once per period, not at each look."""
    one = Silence(20.0, traffic(0, waits=False), 0.0)
    times = [now for now in range(0, 70, 2) if one.is_over(traffic(0, waits=False), now)]
    assert times == [20, 40, 60]
