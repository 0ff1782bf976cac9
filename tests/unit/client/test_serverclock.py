"""The client's estimate of the server's clock, on clocks that the test advances."""

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.core.serverclock import DRIFT_PPM, STEP_US, ServerClock
from clientapp.core.stamp import Stamp
from clientapp.wire.from_server import Pong
from clientapp.wire.report import Clock
from clientapp.wire.welcome import Welcome

SECOND = 1_000_000
WELCOME = Welcome(session="a-key-of-a-session", feeds={}, blocks=0, limits={}, heartbeat=5.0)


@dataclass
class World:
    """A server and a client with their clocks, and the client's estimate."""

    wall_us: int = 1_795_000_000 * SECOND
    """The client's wall clock."""
    monotonic_us: int = 5000 * SECOND
    ahead_us: int = 0
    """The lead of the server's clock over the client's wall clock."""

    def __post_init__(self) -> None:
        self.clock = ServerClock()

    @property
    def stamp(self) -> Stamp:
        """The reading of the client's clocks."""
        return Stamp(self.wall_us, self.monotonic_us / SECOND)

    @property
    def known(self) -> Clock | None:
        """The estimate for this moment."""
        return self.clock.between(self.stamp, self.stamp)

    def is_right(self) -> bool:
        """Tell whether the server's clock is within the stated bound."""
        known = self.known
        assert known is not None
        # A report gives whole microseconds.
        return abs(known.offset - self.ahead_us / SECOND) <= known.error + 1.5e-6

    def wait(self, microseconds: int) -> None:
        """Let time pass."""
        self.wall_us += microseconds
        self.monotonic_us += microseconds

    def set_wall(self, microseconds: int) -> None:
        """Set the client's wall clock forward, or back."""
        self.wall_us += microseconds
        self.ahead_us -= microseconds

    def sleep(self, microseconds: int) -> None:
        """Suspend the client's machine, whose monotonic clock stands still."""
        self.wall_us += microseconds

    def ping(self, there_us: int = 500, back_us: int = 500) -> None:
        """Send a ping and receive its pong after the given time each way."""
        t0 = self.stamp.monotonic_us
        self.wait(there_us)
        now = self.wall_us + self.ahead_us
        self.wait(back_us)
        self.clock.receive(Pong(t0=t0, now=now), self.stamp)


def test_nothing_is_known_before_the_first_pong() -> None:
    """Without a pong, a latency is by the client's own clock, and is marked as such."""
    world = World(ahead_us=3 * SECOND)
    assert (world.known, world.clock.ahead_us(world.stamp)) == (None, 0.0)


@pytest.mark.parametrize("ahead_us", [0, 3 * SECOND, -3 * SECOND])
def test_half_the_round_trip_bounds_the_error(ahead_us: int) -> None:
    """Half the round trip bounds the error; if both ways take equally long, there is none."""
    world = World(ahead_us=ahead_us)
    world.ping(500, 500)
    assert world.known == Clock(offset=ahead_us / SECOND, error=0.000501)


@given(
    st.integers(-(10**9), 10**9),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**8))),
)
def test_unequal_ways_stay_within_the_bound(
    ahead_us: int, pings: list[tuple[int, int, int]]
) -> None:
    """The bound holds however unequal the ways are, after any previous pings."""
    world = World(ahead_us=ahead_us)
    for there_us, back_us, pause_us in pings:
        world.ping(there_us, back_us)
        assert world.is_right()
        world.wait(pause_us)
        assert world.is_right()


def test_quickest_pong_counts() -> None:
    """A slow pong after a quick one changes only the age of the estimate."""
    world = World()
    world.ping(500, 500)
    world.ping(100, 90_000)
    assert world.known == Clock(offset=0.0, error=0.00051)


def test_bound_grows_with_age() -> None:
    """While a clock drifts, the bound grows with age and holds; a new pong narrows it."""
    world = World()
    for _ in range(100):
        world.ping(1000, 3000)
        fresh = world.known
        world.wait(10 * SECOND)
        world.ahead_us += 10 * DRIFT_PPM
        aged = world.known
        assert fresh is not None
        assert aged is not None
        assert world.is_right()
        assert aged.error == pytest.approx(fresh.error + 0.001)


def test_step_of_the_servers_clock_is_noticed() -> None:
    """A pong that contradicts the estimate replaces it, even if it was slower."""
    world = World()
    world.ping(500, 500)
    world.ahead_us += 3 * SECOND
    world.ping(5000, 5000)
    assert world.known == Clock(offset=3.0, error=0.005001)


def test_step_of_the_clients_clock_is_bridged() -> None:
    """The monotonic clock bridges a step, which counts as error until the next pong."""
    world = World()
    world.ping()
    due_us = world.wall_us
    world.set_wall(-3 * SECOND)
    world.clock.receive(None, world.stamp)
    known = world.known
    assert known is not None
    assert (known.offset, known.error) == (3.0, 3.000501)
    assert world.wall_us + world.clock.ahead_us(world.stamp) == due_us
    world.ping(5000, 5000)
    assert world.known == Clock(offset=3.0, error=0.005001)


def test_sleep_of_the_clients_machine_is_covered() -> None:
    """After a sleep, the bound covers the time slept, and only the next pong counts."""
    world = World()
    world.ping()
    world.sleep(60 * SECOND)
    world.clock.receive(None, world.stamp)
    assert world.is_right()
    world.ping(5000, 5000)
    assert world.known == Clock(offset=0.0, error=0.005001)


def test_a_pause_between_reading_the_clocks_is_not_a_step() -> None:
    """A difference smaller than a step comes from a busy machine; the estimate does not change."""
    world = World()
    world.ping()
    world.wall_us += STEP_US - SECOND // 1000
    world.clock.receive(None, world.stamp)
    world.wall_us -= STEP_US - SECOND // 1000
    world.ping(5000, 5000)
    assert world.known == Clock(offset=0.0, error=0.000502)


def test_step_within_a_block_counts_as_error() -> None:
    """The error of a block that spans a step includes the step."""
    world = World()
    world.ping()
    first = world.stamp
    world.set_wall(-3 * SECOND)
    world.ping()
    known = world.clock.between(first, world.stamp)
    assert known is not None
    assert known.error == 3.000501


def test_new_server_replaces_the_estimate() -> None:
    """After a welcome the old estimate holds only until the first pong."""
    world = World()
    world.ping(500, 500)
    world.ahead_us = 5000
    world.clock.receive(WELCOME, world.stamp)
    known = world.known
    assert known is not None
    assert known.offset == 0.0
    # This slower pong would not contradict the estimate; it counts because the server is another
    # one.
    world.ping(9000, 9000)
    assert world.known == Clock(offset=0.005, error=0.009001)


def test_pong_without_a_ping_is_ignored() -> None:
    """A pong to a ping that was never sent is ignored."""
    world = World()
    world.clock.receive(Pong(t0=world.monotonic_us + 1, now=0), world.stamp)
    assert world.known is None


def test_error_is_that_of_the_worst_moment() -> None:
    """In a long block the end farther from a pong determines the error."""
    world = World()
    stamps = []
    for pause in (0, 10 * SECOND):
        world.wait(pause)
        world.ping()
        stamps.append(world.stamp)
    world.wait(2 * SECOND)
    errors = [
        known.error
        for first, last in itertools.pairwise([*stamps, world.stamp])
        if (known := world.clock.between(first, last)) is not None
    ]
    assert errors == pytest.approx([0.001501, 0.000701], abs=2e-6)
