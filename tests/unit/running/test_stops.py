"""The signals that stop a program."""

import signal
from collections.abc import Iterator

import pytest

from feeds.running.stops import STOPS, heeded_stops


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Restore this process's handling of SIGHUP afterwards."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_closed_terminal_stops_a_program() -> None:
    """SIGHUP stops a program like SIGTERM."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    assert tuple(heeded_stops()) == STOPS


def test_nohup_is_respected() -> None:
    """A program that was started to ignore SIGHUP keeps ignoring it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert heeded_stops() == [signal.SIGINT, signal.SIGTERM]
