"""Which messages are caught up and which are live."""

from clientapp.core.catchup import CatchUp
from clientapp.wire.welcome import FeedState, Welcome


def welcome(rate: float = 1.0, **feeds: tuple[int, int]) -> Welcome:
    """Return a welcome of *feeds*, each with the offset it goes on after and its head."""
    states = {
        name: FeedState(epoch="", offset=offset, head=head, rate=rate, running=True, fields=())
        for name, (offset, head) in feeds.items()
    }
    return Welcome(session="", feeds=states, blocks=0, limits={}, heartbeat=10.0)


def caught_up(catch_up: CatchUp, offsets: range, seconds: float) -> list[bool]:
    """Return which of *offsets* of users, received at *seconds*, are caught up."""
    return [catch_up.takes("users", offset, seconds) for offset in offsets]


def test_backlog_up_to_the_head_is_caught_up() -> None:
    """After an outage everything up to the head of the welcome is caught up, the rest is live."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(10, 13)), 5.0)
    assert caught_up(catch_up, range(11, 15), 5.001) == [True, True, True, False]


def test_new_session_and_one_that_missed_nothing_are_live() -> None:
    """Where the session goes on at the head, no message is caught up."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(10, 10)), 5.0)
    assert caught_up(catch_up, range(11, 13), 5.0) == [False, False]


def test_what_became_due_during_the_catch_up_belongs_to_it() -> None:
    """At 100/s a catch-up of 0.1 s is followed by ten messages, and by one for their 0.01 s."""
    catch_up = CatchUp()
    catch_up.begin(welcome(100.0, users=(0, 50)), 1.0)
    assert caught_up(catch_up, range(1, 51), 1.1) == [True] * 50
    assert caught_up(catch_up, range(51, 61), 1.1104) == [True] * 10
    assert caught_up(catch_up, range(61, 63), 1.1105) == [True, False]


def test_catch_up_ends_where_messages_come_as_they_become_due() -> None:
    """A live client gets as many in a time as become due in it: that is no backlog."""
    catch_up = CatchUp()
    catch_up.begin(welcome(10.0, users=(0, 20)), 1.0)
    assert caught_up(catch_up, range(1, 21), 3.0) == [True] * 20
    live = [catch_up.takes("users", 21 + n, 3.1 + n * 0.1001) for n in range(40)]
    assert live == [True] * 20 + [False] * 20


def test_feeds_are_caught_up_apart_and_a_connection_starts_anew() -> None:
    """A feed without a backlog is live beside one with, and a new welcome replaces the old one."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(0, 2), arrays=(7, 7)), 0.0)
    assert not catch_up.takes("arrays", 8, 0.0)
    assert catch_up.takes("users", 1, 0.0)
    catch_up.begin(welcome(users=(1, 1)), 1.0)
    assert not catch_up.takes("users", 2, 1.0)


def test_gap_over_the_head_ends_the_catch_up() -> None:
    """Where the backlog can no longer be had, the first message behind it is live."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(0, 5)), 0.0)
    assert caught_up(catch_up, range(6, 8), 0.0) == [False, False]


def test_older_server_names_no_head() -> None:
    """Without a head nothing is known to be caught up."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(9, 0)), 0.0)
    assert not catch_up.takes("users", 10, 0.0)
