"""The conditions under which a process considers others dead."""

from feeds.storing.watch import Watch


def watch() -> Watch:
    """Return a watch that considers a process dead after 30 s, and looks every 10 s."""
    return Watch(30.0, 20.0)


def test_process_is_dead_when_its_sign_stays_the_same() -> None:
    """A sign that changes belongs to a living process, whatever its value."""
    one = watch()
    for time in (1000.0, 1010.0, 1020.0):
        assert one.dead(time, {"a": 7, "b": int(time), "c": int(-time)}) == {}
    assert one.dead(1030.0, {"a": 7, "b": 5, "c": 4}) == {"a": 7}


def test_process_gets_its_full_time_after_each_change() -> None:
    """The time starts again with the first sign, each change, and a new lease."""
    one = watch()
    for time, sign in ((0.0, 1), (15.0, 2), (30.0, 2), (44.0, 2)):
        assert one.dead(time, {"a": sign}) == {}
    assert one.dead(45.0, {"a": 2}) == {"a": 2}
    assert one.dead(46.0, {}) == {}
    assert one.dead(47.0, {"a": 2}) == {}


def test_break_gives_every_process_its_full_time() -> None:
    """While the database is unavailable, or this process is frozen, no sign is seen."""
    one = watch()
    for time in (0.0, 15.0, 29.0):
        assert one.dead(time, {"a": 1}) == {}
    one.interrupt()
    for time in (30.0, 45.0, 59.0):
        assert one.dead(time, {"a": 1}) == {}
    assert one.dead(80.0, {"a": 1}) == {}
    assert one.dead(100.0, {"a": 1}) == {}
    assert one.dead(110.0, {"a": 1}) == {"a": 1}
