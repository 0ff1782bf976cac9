"""The project's settings, with low limits on HTTP."""

from dataclasses import replace

from feeds.core import limits

# Before any other module imports them.
limits.LIMITS = replace(
    limits.LIMITS,
    header_seconds=1.0,
    body_seconds=1.0,
    idle_seconds=1.0,
    close_seconds=0.5,
)

from wsproject.settings import *  # noqa: E402, F403
