"""The project's settings, with servers that soon count as dead."""

from dataclasses import replace

from feeds.core import limits

# Before any other module imports them.
limits.LIMITS = replace(limits.LIMITS, heartbeat_seconds=0.5, lost_seconds=3.0)

from wsproject.settings import *  # noqa: E402, F403
