"""The distinction between messages that were caught up and live messages."""

from clientapp.core.catchup import CatchUp
from clientapp.wire.message import Message
from clientapp.wire.welcome import FeedState, Welcome


def welcome(rate: float = 1.0, **feeds: tuple[int, int]) -> Welcome:
    """Return a welcome of *feeds*, each with the offset it resumes after and its head."""
    states = {
        name: FeedState(epoch="", offset=offset, head=head, rate=rate, running=True, fields=())
        for name, (offset, head) in feeds.items()
    }
    return Welcome(session="", feeds=states, blocks=0, limits={}, heartbeat=10.0)


def takes(
    catch_up: CatchUp, offset: int, seconds: float, *, delay: float = 0.0, feed: str = "users"
) -> bool:
    """Tell whether the message at *offset*, received *delay* after it was due, is caught up."""
    at = round((seconds - delay) * 1_000_000)
    message = Message(feed=feed, offset=offset, at=at, data=None, crc=0)
    return catch_up.takes(message, seconds)


def caught_up(catch_up: CatchUp, offsets: range, seconds: float) -> list[bool]:
    """Return which of *offsets* of users, received at *seconds*, are caught up."""
    return [takes(catch_up, offset, seconds) for offset in offsets]


def test_backlog_up_to_the_head_is_caught_up() -> None:
    """After an outage, messages up to the welcome's head are caught up; later ones are live."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(10, 13)), 5.0)
    assert caught_up(catch_up, range(11, 15), 5.001) == [True, True, True, False]


def test_session_that_missed_nothing_is_live() -> None:
    """If a session resumes at the head, no message is caught up."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(10, 10)), 5.0)
    assert caught_up(catch_up, range(11, 13), 5.0) == [False, False]


def test_messages_due_during_the_catch_up_belong_to_it() -> None:
    """At 100/s, ten messages become due in a catch-up of 0.1 s, and one more while they arrive."""
    catch_up = CatchUp()
    catch_up.begin(welcome(100.0, users=(0, 50)), 1.0)
    assert caught_up(catch_up, range(1, 51), 1.1) == [True] * 50
    assert caught_up(catch_up, range(51, 61), 1.1104) == [True] * 10
    assert caught_up(catch_up, range(61, 63), 1.1105) == [True, False]


def test_catch_up_ends_when_messages_arrive_as_due() -> None:
    """The catch-up ends once messages arrive as fast as they become due."""
    catch_up = CatchUp()
    catch_up.begin(welcome(10.0, users=(0, 20)), 1.0)
    assert caught_up(catch_up, range(1, 21), 3.0) == [True] * 20
    live = [takes(catch_up, 21 + n, 3.1 + n * 0.1001) for n in range(40)]
    assert live == [True] * 20 + [False] * 20


def test_each_feed_catches_up_separately() -> None:
    """Each feed has its own catch-up, and a new welcome replaces the previous one."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(0, 2), arrays=(7, 7)), 0.0)
    assert not takes(catch_up, 8, 0.0, feed="arrays")
    assert takes(catch_up, 1, 0.0)
    catch_up.begin(welcome(users=(1, 1)), 1.0)
    assert not takes(catch_up, 2, 1.0)


def test_gap_past_the_head_ends_the_catch_up() -> None:
    """If the backlog is no longer available, the first message after it is live."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(0, 5)), 0.0)
    assert caught_up(catch_up, range(6, 8), 0.0) == [False, False]


def test_welcome_without_a_head_starts_no_catch_up() -> None:
    """An older server names no head, so no message counts as caught up."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(9, 0)), 0.0)
    assert not takes(catch_up, 10, 0.0)


def reconnected() -> CatchUp:
    """Return a catch-up that was live up to offset 10 of users and caught up 11 to 13 at 20 s."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(0, 0)), 0.0)
    live = [takes(catch_up, n, float(n), delay=0.003 + n % 2 / 100) for n in range(1, 11)]
    assert not any(live)
    catch_up.begin(welcome(users=(10, 13)), 20.0)
    assert caught_up(catch_up, range(11, 14), 20.01) == [True] * 3
    return catch_up


def test_late_message_after_the_backlog_is_caught_up() -> None:
    """A late message after the backlog was delayed with it and counts as caught up."""
    catch_up = reconnected()
    assert takes(catch_up, 14, 20.02, delay=0.2)
    assert not takes(catch_up, 15, 20.82, delay=0.004)


def test_late_message_after_a_reconnect_without_a_backlog_is_caught_up() -> None:
    """A freshly started server may name a head that its feed has already passed."""
    catch_up = reconnected()
    assert not takes(catch_up, 14, 21.0, delay=0.004)
    catch_up.begin(welcome(users=(14, 14)), 30.0)
    assert takes(catch_up, 15, 30.1, delay=0.15)


def test_message_within_the_live_spread_is_live() -> None:
    """A message up to 50 ms later than the promptest one is live; clock drift is allowed for."""
    assert not takes(reconnected(), 14, 20.02, delay=0.053)
    assert takes(reconnected(), 14, 20.02, delay=0.056)


def test_lateness_of_a_live_connection_is_not_caught_up() -> None:
    """After one prompt message, or after 1 s, a late message is live: the server is slow."""
    catch_up = reconnected()
    assert not takes(catch_up, 14, 20.1, delay=0.004)
    assert not takes(catch_up, 15, 20.2, delay=0.5)
    slow = reconnected()
    assert not takes(slow, 14, 21.02, delay=0.5)
    slow.begin(welcome(users=(14, 14)), 30.0)
    assert not takes(slow, 15, 30.1, delay=0.5)


def test_first_connection_has_no_late_messages() -> None:
    """Before the first live message no message counts as late, because the clocks may differ."""
    catch_up = CatchUp()
    catch_up.begin(welcome(users=(0, 2)), 5.0)
    assert caught_up(catch_up, range(1, 3), 5.01) == [True, True]
    assert not takes(catch_up, 3, 5.02, delay=3600.0)
