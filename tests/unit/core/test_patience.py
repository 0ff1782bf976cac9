"""Who is slow and who is gone, without a clock."""

from hypothesis import given
from hypothesis import strategies as st

from feeds.core.limits import Limits
from feeds.core.patience import Patience, Silence, Traffic

LIMITS = Limits(stall_seconds=30.0, slowest_rate=1000, unread_bytes=100_000)


def traffic(
    taken: int, received: int = 0, *, in_flight: bool = False, waits: bool = True
) -> Traffic:
    """Return what a look at a connection finds."""
    return Traffic(taken=taken, received=received, in_flight=in_flight, waits=waits)


def patience() -> Patience:
    """Return the patience with a connection that begins now."""
    return Patience(LIMITS, traffic(0), 0.0)


def test_nobody_has_to_take_what_is_not_there() -> None:
    """A connection on which nothing waits does not stall."""
    one = patience()
    assert not one.is_over(traffic(10, waits=False), 1.0)
    assert not one.is_over(traffic(10, waits=False), 1000.0)
    assert not one.is_over(traffic(10), 1029.0)


def test_a_dead_end_is_given_up() -> None:
    """Bytes under way that nobody confirms mean that nobody is there."""
    one = patience()
    assert not one.is_over(traffic(50_000, in_flight=True), 1.0)
    assert not one.is_over(traffic(50_000, in_flight=True), 30.9)
    assert one.is_over(traffic(50_000, in_flight=True), 31.0)


def test_who_reads_too_little_is_gone() -> None:
    """What a full buffer holds is read at the slowest rate, or not at all."""
    one = patience()
    assert not one.is_over(traffic(50_000), 1.0)
    assert not one.is_over(traffic(50_000), 80.9)
    assert one.is_over(traffic(50_000), 81.0)


def test_a_large_buffer_buys_no_more_time() -> None:
    """What a kernel takes beyond the limit does not count as being read."""
    one = patience()
    assert not one.is_over(traffic(50_000_000), 1.0)
    assert not one.is_over(traffic(50_000_000), 130.9)
    assert one.is_over(traffic(50_000_000), 131.0)


def test_who_speaks_is_there() -> None:
    """A word is progress, and shows that what came before it was read."""
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
def test_who_reads_slowly_is_never_cut_off(buffer: int, step: float, rate: int) -> None:
    """A reader at the slowest rate stays, however seldom its kernel makes room."""
    one = patience()
    taken, now = buffer, 0.0
    while now < 1000:
        assert not one.is_over(traffic(taken), now)
        now += step
        # Room is made for a whole buffer, once the last one has been read.
        taken = buffer * (1 + int(now * rate // buffer))


@given(
    buffer=st.integers(0, 10 * LIMITS.unread_bytes),
    step=st.floats(0.1, 10.0),
    in_flight=st.booleans(),
)
def test_who_takes_nothing_is_closed(buffer: int, step: float, *, in_flight: bool) -> None:
    """Without progress, patience comes to its end."""
    one = patience()
    now = 0.0
    while not one.is_over(traffic(buffer, in_flight=in_flight), now):
        now += step
        assert now < 30 + 100 + 2 * step
    assert now >= 30


def test_silence_is_broken_by_whatever_the_other_end_takes() -> None:
    """Nothing need be sent while bytes are taken or wait; after that it is time again."""
    one = Silence(20.0, traffic(0, waits=False), 0.0)
    assert not one.is_over(traffic(0, waits=False), 19.9)
    assert one.is_over(traffic(0, waits=False), 20.0)
    assert not one.is_over(traffic(2, waits=False), 22.0)
    assert not one.is_over(traffic(2, waits=True), 40.0)
    assert not one.is_over(traffic(2, waits=False), 59.9)
    assert one.is_over(traffic(2, waits=False), 60.0)


def test_silence_begins_anew_where_the_kernel_does_not_tell() -> None:
    """Without its word a client is pinged every so often, not at each look."""
    one = Silence(20.0, traffic(0, waits=False), 0.0)
    times = [now for now in range(0, 70, 2) if one.is_over(traffic(0, waits=False), now)]
    assert times == [20, 40, 60]
