"""Sentences that pages, terminals and the protocol share."""

REMOVED = "an operator disconnected this client"
"""The close reason when an operator disconnects a session in the admin."""


START = "start it with: python manage.py generate"


def never_started(feed: str) -> str:
    """Return the notice for a feed that never had a generator."""
    return f"feed {feed} is not running: it was never started; {START}"


def stopped(feed: str) -> str:
    """Return the notice for a feed that its generator released."""
    return f"feed {feed} is not running: it was stopped; {START}"


def silent(feed: str) -> str:
    """Return the notice for a feed whose generator promises nothing."""
    return (
        f"feed {feed} is not running: its generator was killed, hangs, or cannot reach the "
        f"database; if it is gone, {START}"
    )


def no_database(feed: str) -> str:
    """Return the notice for a feed that waits for the database."""
    return (
        f"feed {feed} waits for the database; it continues once the database answers and "
        "accepts changes"
    )


def behind(feed: str, seconds: float) -> str:
    """Return the notice for a feed whose messages are *seconds* late."""
    return f"feed {feed} is behind: its messages are {seconds:.0f} s late"


def clock_differs(feed: str, ahead: float) -> str:
    """Return the notice for a feed whose generator's clock is *ahead* by some seconds."""
    way = "ahead of" if ahead > 0 else "behind"
    return (
        f"feed {feed} is running, but the clock of its generator is {abs(ahead):.0f} s {way} "
        "this server's; set both clocks, for example with NTP"
    )


def switched_off(feed: str) -> str:
    """Return the notice for a feed that an operator switched off."""
    return f"feed {feed} is switched off in the admin"


def removed(feed: str) -> str:
    """Return the notice for a feed that was removed."""
    return f"feed {feed} was removed"


def rolled_back(feed: str) -> str:
    """Return the notice for a feed whose database lost its last messages."""
    return f"the history of feed {feed} was rolled back: the database lost its last messages"


def taking_over(feed: str, seconds: float) -> str:
    """Return the sentence of a generator that replaces one that is dead."""
    return f"the generator of feed {feed} has promised nothing for {seconds:g} s; taking over"


def running(feed: str) -> str:
    """Return the notice for a feed whose generator started."""
    return f"feed {feed} is running"
