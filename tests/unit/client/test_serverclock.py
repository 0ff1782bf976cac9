"""What a client knows of the server's clock, by clocks that the test advances."""

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
    """A server and a client, each with its clocks, and what the client makes of it."""

    wall_us: int = 1_795_000_000 * SECOND
    """The client's wall clock."""
    monotonic_us: int = 5000 * SECOND
    ahead_us: int = 0
    """What the server's clock is ahead of the client's wall clock."""

    def __post_init__(self) -> None:
        self.clock = ServerClock()

    @property
    def stamp(self) -> Stamp:
        """What the client's clocks show."""
        return Stamp(self.wall_us, self.monotonic_us / SECOND)

    @property
    def known(self) -> Clock | None:
        """What is known of this moment."""
        return self.clock.between(self.stamp, self.stamp)

    def is_right(self) -> bool:
        """Tell whether the server's clock is within the bound that is stated."""
        known = self.known
        assert known is not None
        # The report writes whole microseconds.
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
        """Send a ping and take its pong, which took so long on each way."""
        t0 = self.stamp.monotonic_us
        self.wait(there_us)
        now = self.wall_us + self.ahead_us
        self.wait(back_us)
        self.clock.receive(Pong(t0=t0, now=now), self.stamp)


def test_nothing_is_known_before_the_first_pong() -> None:
    """Without a pong a latency is by the client's own clock, and says so."""
    world = World(ahead_us=3 * SECOND)
    assert (world.known, world.clock.ahead_us(world.stamp)) == (None, 0.0)


@pytest.mark.parametrize("ahead_us", [0, 3 * SECOND, -3 * SECOND])
def test_a_clock_that_is_off(ahead_us: int) -> None:
    """Half the round trip bounds the error, and equal ways leave none."""
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
    """However unequal the ways are, and whatever came before, the bound holds."""
    world = World(ahead_us=ahead_us)
    for there_us, back_us, pause_us in pings:
        world.ping(there_us, back_us)
        assert world.is_right()
        world.wait(pause_us)
        assert world.is_right()


def test_the_closest_pong_counts() -> None:
    """A slow pong after a quick one changes nothing but the age."""
    world = World()
    world.ping(500, 500)
    world.ping(100, 90_000)
    assert world.known == Clock(offset=0.0, error=0.00051)


def test_drift_is_followed() -> None:
    """While a clock drifts the bound grows with age and holds, and a new pong narrows it."""
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


def test_the_servers_clock_is_set() -> None:
    """A pong that refutes what is known takes its place, even where it is slower."""
    world = World()
    world.ping(500, 500)
    world.ahead_us += 3 * SECOND
    world.ping(5000, 5000)
    assert world.known == Clock(offset=3.0, error=0.005001)


def test_the_clients_clock_is_set() -> None:
    """The monotonic clock carries over a step; until the next pong it counts as error."""
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


def test_the_clients_machine_slept() -> None:
    """After a sleep the bound covers it, and the next pong counts alone."""
    world = World()
    world.ping()
    world.sleep(60 * SECOND)
    world.clock.receive(None, world.stamp)
    assert world.is_right()
    world.ping(5000, 5000)
    assert world.known == Clock(offset=0.0, error=0.005001)


def test_a_pause_between_reading_the_clocks_is_no_step() -> None:
    """Less than a step is a busy machine, and what is known stays."""
    world = World()
    world.ping()
    world.wall_us += STEP_US - SECOND // 1000
    world.clock.receive(None, world.stamp)
    world.wall_us -= STEP_US - SECOND // 1000
    world.ping(5000, 5000)
    assert world.known == Clock(offset=0.0, error=0.000502)


def test_a_step_within_a_block() -> None:
    """What was collected over a step is known no better than the step."""
    world = World()
    world.ping()
    first = world.stamp
    world.set_wall(-3 * SECOND)
    world.ping()
    known = world.clock.between(first, world.stamp)
    assert known is not None
    assert known.error == 3.000501


def test_another_server() -> None:
    """After a welcome the old estimate holds until the first pong, and then not at all."""
    world = World()
    world.ping(500, 500)
    world.ahead_us = 5000
    world.clock.receive(WELCOME, world.stamp)
    known = world.known
    assert known is not None
    assert known.offset == 0.0
    # It would not refute what is known, and is slower: as another server's it counts.
    world.ping(9000, 9000)
    assert world.known == Clock(offset=0.005, error=0.009001)


def test_pong_from_the_future() -> None:
    """A pong to a ping that was never sent is ignored."""
    world = World()
    world.clock.receive(Pong(t0=world.monotonic_us + 1, now=0), world.stamp)
    assert world.known is None


def test_the_error_is_that_of_the_worst_moment() -> None:
    """Of a long block the end that is farther from the pong counts."""
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
