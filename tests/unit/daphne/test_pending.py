"""The connections without a complete request, with the time passed in."""

from __future__ import annotations

from feeds.daphne.pending import GRACE_SECONDS, Pending


class Connection:
    """A connection that only records its end."""

    def __init__(self) -> None:
        self.is_over = False

    def give_way(self) -> None:
        """Record the end."""
        self.is_over = True


def test_connection_that_has_waited_longest_gives_way() -> None:
    """If too many are pending for a second, each new one ends the oldest one."""
    pending, many = Pending(most=3), [Connection() for _ in range(5)]
    for one in many:
        pending.enter(one, 0.0)
    assert not any(one.is_over for one in many)
    pending.leave(many[0])
    pending.enter(Connection(), GRACE_SECONDS)
    assert [one.is_over for one in many] == [False, True, False, False, False]


def test_clients_that_connect_at_once_have_room() -> None:
    """For a moment, up to twice as many may wait."""
    pending, many = Pending(most=3), [Connection() for _ in range(7)]
    for one in many[:6]:
        pending.enter(one, 0.0)
    assert not any(one.is_over for one in many)
    pending.enter(many[6], 0.0)
    assert [one.is_over for one in many] == [True] + [False] * 6


def test_connection_that_returns_waits_anew() -> None:
    """A connection that had a request meanwhile counts as the newest again."""
    pending, many = Pending(most=1), [Connection() for _ in range(3)]
    pending.enter(many[0], 0.0)
    pending.enter(many[1], 0.0)
    pending.enter(many[0], GRACE_SECONDS)
    assert [one.is_over for one in many] == [False, True, False]
