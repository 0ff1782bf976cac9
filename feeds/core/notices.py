"""Sentences that more than one surface says in the same words."""

REMOVED = "an operator disconnected this client"
"""The reason of a close that was asked for in the admin."""


def not_running(feed: str) -> str:
    """Return what to say of a feed that no generator works on."""
    return f"feed {feed} is not running; start it with: python manage.py generate"


def switched_off(feed: str) -> str:
    """Return what to say of a feed that an operator paused."""
    return f"feed {feed} is switched off in the admin"


def removed(feed: str) -> str:
    """Return what to say of a feed that is no more."""
    return f"feed {feed} was removed"


def running(feed: str) -> str:
    """Return what to say of a feed that a generator took up."""
    return f"feed {feed} is running"
