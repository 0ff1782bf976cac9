"""Sentences that more than one surface says in the same words."""


def not_running(feed: str) -> str:
    """Return what to say of a feed that no generator works on."""
    return f"feed {feed} is not running; start it with: python manage.py generate"


def running(feed: str) -> str:
    """Return what to say of a feed that a generator took up."""
    return f"feed {feed} is running"
