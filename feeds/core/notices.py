"""Sentences that pages, terminals and the protocol share."""

REMOVED = "an operator disconnected this client"
"""The close reason when an operator disconnects a session in the admin."""


def not_running(feed: str) -> str:
    """Return the notice for a feed without a running generator."""
    return f"feed {feed} is not running; start it with: python manage.py generate"


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
