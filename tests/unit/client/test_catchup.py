"""Which messages are caught up and which are live."""

from clientapp.core.catchup import CatchUp
from clientapp.wire.message import Message
from clientapp.wire.welcome import FeedState, Welcome


def welcome(rate: float = 1.0, **feeds: tuple[int, int]) -> Welcome:
    """Return a welcome of *feeds*, each with the offset it goes on after and its head."""
    states = {
        name: FeedState(epoch="", offset=offset, head=head, rate=rate, running=True, fields=())
        for name, (offset, head) in feeds.items()
    }
    return Welcome(session="", feeds=states, blocks=0, limits={}, heartbeat=10.0)


def takes(
    catch_up: CatchUp, offset: int, seconds: float, *, lag: float = 0.0, feed: str = "users"
) -> bool:
    """Tell whether the message at *offset*, received *lag* after it was due, is caught up."""
    at = round((seconds - lag) * 1_000_000)
    message = Message(feed=feed, offset=offset, at=at, data=None, crc=0)
    return catch_up.takes(message, seconds)


def caught_up(catch_up: CatchUp, offsets: range, seconds: float) -> list[bool]:
    """Return which of *offsets* of users, received at *seconds*, are caught up."""
    return [takes(catch_up, offset, seconds) for offset in offsets]


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
    live = [takes(catch_up, 21 + n, 3.1 + n * 0.1001) for n in range(40)]
    assert live == [True] * 20 + [False] * 20


def test_feeds_are_caught_up_apart_and_a_connection_starts_anew() -> None:
    """A feed without a backlog is live beside one with, and a new welcome replaces the old one."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(0, 2), arrays=(7, 7)), 0.0)
    assert not takes(catch_up, 8, 0.0, feed="arrays")
    assert takes(catch_up, 1, 0.0)
    catch_up.begin(welcome(users=(1, 1)), 1.0)
    assert not takes(catch_up, 2, 1.0)


def test_gap_over_the_head_ends_the_catch_up() -> None:
    """Where the backlog can no longer be had, the first message behind it is live."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(0, 5)), 0.0)
    assert caught_up(catch_up, range(6, 8), 0.0) == [False, False]


def test_older_server_names_no_head() -> None:
    """Without a head nothing is known to be caught up."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(9, 0)), 0.0)
    assert not takes(catch_up, 10, 0.0)


def reconnected() -> CatchUp:
    """Return a catch-up of users that was live up to offset 10 and caught up 11 to 13 at 20 s."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(0, 0)), 0.0)
    live = [takes(catch_up, n, float(n), lag=0.003 + n % 2 / 100) for n in range(1, 11)]
    assert not any(live)
    catch_up.begin(welcome(users=(10, 13)), 20.0)
    assert caught_up(catch_up, range(11, 14), 20.01) == [True] * 3
    return catch_up


def test_late_message_behind_the_head_is_caught_up() -> None:
    """It was held up like the backlog: a block that begins with it would be too short."""
    catch_up = reconnected()
    assert takes(catch_up, 14, 20.02, lag=0.2)
    assert not takes(catch_up, 15, 20.82, lag=0.004)


def test_late_message_after_a_reconnect_without_a_backlog_is_caught_up() -> None:
    """A server that has just started may name a head that its feed has already passed."""
    catch_up = reconnected()
    assert not takes(catch_up, 14, 21.0, lag=0.004)
    catch_up.begin(welcome(users=(14, 14)), 30.0)
    assert takes(catch_up, 15, 30.1, lag=0.15)


def test_message_within_the_live_spread_is_live() -> None:
    """A message 50 ms later than the promptest one is ordinary, drift of the clocks included."""
    assert not takes(reconnected(), 14, 20.02, lag=0.053)
    assert takes(reconnected(), 14, 20.02, lag=0.056)


def test_lateness_of_a_live_connection_is_not_caught_up() -> None:
    """After one message in time, or after 1 s, a late message counts: the server is slow."""
    catch_up = reconnected()
    assert not takes(catch_up, 14, 20.1, lag=0.004)
    assert not takes(catch_up, 15, 20.2, lag=0.5)
    slow = reconnected()
    assert not takes(slow, 14, 21.02, lag=0.5)
    slow.begin(welcome(users=(14, 14)), 30.0)
    assert not takes(slow, 15, 30.1, lag=0.5)


def test_first_connection_has_nothing_to_compare_with() -> None:
    """Until a live message came, none is late: the clocks of client and server may differ."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(0, 2)), 5.0)
    assert caught_up(catch_up, range(1, 3), 5.01) == [True, True]
    assert not takes(catch_up, 3, 5.02, lag=3600.0)
