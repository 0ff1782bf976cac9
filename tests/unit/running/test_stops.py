"""The signals that ask a program to stop."""

import signal
from collections.abc import Iterator

import pytest

from feeds.running.stops import STOPS, heeded_stops


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave what this process does on SIGHUP as it was."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_closed_terminal_stops_a_program() -> None:
    """SIGHUP is heeded like SIGTERM."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    assert tuple(heeded_stops()) == STOPS


def test_nohup_is_respected() -> None:
    """A program that was started to ignore SIGHUP goes on ignoring it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert heeded_stops() == [signal.SIGINT, signal.SIGTERM]
