"""The project's settings, with low limits on frames without content."""

from dataclasses import replace

from feeds.core import limits

# Before any other module imports them.
limits.LIMITS = replace(
    limits.LIMITS,
    empty_rate=100.0,
    empty_burst=10,
    flood_frames=20,
)

from wsproject.settings import *  # noqa: E402, F403
