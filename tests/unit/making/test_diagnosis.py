"""Each condition of a feed: its evidence, and its sentence."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from feeds.making import diagnosis
from feeds.making.diagnosis import (
    BEHIND_SECONDS,
    CLOCK_SECONDS,
    DELAYS,
    STORING,
    UNANSWERED_SECONDS,
    Condition,
    Diagnosis,
    diagnose,
)
from feeds.making.observation import (
    CLOCK_SAMPLES,
    SILENT_LOOK_SECONDS,
    SILENT_SECONDS,
    Observer,
    Sign,
)
from feeds.running.outages import Outage, Outages

GENERATE = "python manage.py generate"


class Server:
    """A server that looks at one feed every second, with clocks that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.ahead = 0.0
        """The seconds by which the generator's clock is ahead of this server's."""
        self.promised_us = 0
        self.enabled = True
        self.promised = 100
        self._observer = Observer(
            SILENT_SECONDS, SILENT_LOOK_SECONDS, clock=lambda: self.now, wall=lambda: self.now
        )

    def look(self, times: int = 1) -> None:
        """Look some times, a second apart."""
        for _ in range(times):
            self.now += 1
            with self._observer.looking() as found:
                found["users"] = Sign(1, self.promised, self.promised_us)

    def generate(self, seconds: int) -> None:
        """Look while the generator promises."""
        for _ in range(seconds):
            self.promised_us = round((self.now + 1 + self.ahead) * 1e6)
            self.look()

    def found(self) -> Diagnosis:
        """The diagnosis of the feed."""
        return diagnose(
            "users", enabled=self.enabled, promised=self.promised, observer=self._observer
        )


@pytest.fixture
def outages(monkeypatch: pytest.MonkeyPatch) -> Outages:
    """Give a test a server without outages."""
    outages = Outages()
    monkeypatch.setattr(diagnosis, "OUTAGES", outages)
    return outages


@pytest.fixture
def server(outages: Outages) -> Iterator[Server]:
    """Give a test a server without delays."""
    DELAYS.seconds.clear()
    yield Server()
    DELAYS.seconds.clear()


def test_running(server: Server) -> None:
    """A feed whose promises change is running; until a change is seen, it counts as running."""
    server.promised_us = 5
    server.look()
    assert (server.found().condition, server.found().is_known) == (Condition.RUNNING, False)
    server.generate(10)
    assert (server.found().condition, server.found().is_known) == (Condition.RUNNING, True)
    assert server.found().sentence == "feed users is running"
    assert server.found().is_running


def test_stopped(server: Server) -> None:
    """A generator that stops releases its feed, which shows at once."""
    server.generate(5)
    server.promised_us = 0
    server.look()
    assert server.found().condition is Condition.STOPPED
    assert server.found().sentence == (
        f"feed users is not running: it was stopped; start it with: {GENERATE}"
    )


def test_not_started(server: Server) -> None:
    """Nothing was ever promised."""
    server.promised = 0
    server.look()
    assert server.found().condition is Condition.NOT_STARTED
    assert f"it was never started; start it with: {GENERATE}" in server.found().sentence


def test_silent(server: Server) -> None:
    """A generator that was killed does not release its feed."""
    server.generate(5)
    server.look(2)
    assert server.found().is_running
    server.look()
    assert server.found().condition is Condition.SILENT
    assert not server.found().is_running
    assert (
        "was killed, hangs, or cannot reach the database; if it is gone" in server.found().sentence
    )
    server.generate(1)
    assert server.found().condition is Condition.RUNNING


def test_no_database_that_answers(server: Server) -> None:
    """A server that cannot read the database says so, and does not blame the generator."""
    server.generate(5)
    server.now += UNANSWERED_SECONDS + 0.1
    assert server.found().condition is Condition.NO_DATABASE
    assert server.found().sentence.startswith("feed users waits for the database;")
    server.generate(1)
    assert server.found().condition is Condition.RUNNING


def test_no_database_that_accepts_changes(server: Server, outages: Outages) -> None:
    """If this server cannot store, a silent generator counts as waiting for the database."""
    server.generate(5)
    outage = Outage(what="The database does not accept reports", cause="", then="they wait.")
    outages.begin(STORING, outage)
    server.look(2)
    assert server.found().condition is Condition.RUNNING
    server.look()
    assert server.found().condition is Condition.NO_DATABASE
    outages.end(STORING)
    assert server.found().condition is Condition.SILENT


@pytest.mark.parametrize(
    ("ahead", "said"),
    [(5, "5 s ahead of"), (40, "40 s ahead of"), (-5, "5 s behind"), (-40, "40 s behind")],
)
def test_clock_differs(server: Server, ahead: int, said: str) -> None:
    """The difference is named, and the feed is still running."""
    server.ahead = ahead
    server.generate(CLOCK_SAMPLES + 1)
    assert server.found().condition is Condition.CLOCK
    assert server.found().is_running
    assert (
        f"the clock of its generator is {said} this server's; set both" in server.found().sentence
    )
    server.ahead = 0
    server.generate(CLOCK_SAMPLES)
    assert server.found().condition is Condition.RUNNING


def test_small_difference_of_a_clock_is_not_reported(server: Server) -> None:
    """A slow database, or looking only once a second, has the same effect."""
    for server.ahead in (CLOCK_SECONDS, -CLOCK_SECONDS):
        server.generate(2 * CLOCK_SAMPLES)
        assert server.found().condition is Condition.RUNNING


def test_behind(server: Server) -> None:
    """The feed is promised, but its messages arrive late."""
    DELAYS.seconds["users"] = 7.2
    server.generate(5)  # this could be a wrong clock
    assert server.found().condition is Condition.RUNNING
    server.generate(5)
    DELAYS.seconds["users"] = BEHIND_SECONDS
    assert server.found().condition is Condition.RUNNING
    DELAYS.seconds["users"] = 7.2
    assert server.found().condition is Condition.BEHIND
    assert server.found().sentence == "feed users is behind: its messages are 7 s late"


def test_switched_off(server: Server) -> None:
    """A feed that is off has no other condition, whatever its generator does."""
    server.enabled = False
    server.look(9)
    assert server.found().condition is Condition.OFF


def test_removed() -> None:
    """A feed that was removed has no other condition."""
    found = diagnose("users", enabled=False, promised=1, removed=True)
    assert found.condition is Condition.REMOVED
    assert found.sentence == "feed users was removed"


def test_every_condition_has_a_sentence() -> None:
    """No condition was forgotten."""
    for condition in Condition:
        assert "feed users" in Diagnosis("users", condition, 9.0).sentence
