"""The project's settings of a server that answers no page and waits for five requests."""

from dataclasses import replace

from feeds.core import limits

# Before any other module imports them.
limits.LIMITS = replace(limits.LIMITS, pending_requests=5, open_requests=0)

from wsproject.settings import *  # noqa: E402, F403
