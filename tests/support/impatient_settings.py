"""The project's settings, with timeouts that are short enough for a test."""

from copy import deepcopy
from dataclasses import replace

from feeds.core import limits

# Before any other module imports them.
limits.LIMITS = replace(
    limits.LIMITS,
    heartbeat_seconds=0.5,
    ping_seconds=0.5,
    stall_seconds=2.0,
    slowest_rate=2**20,
    close_seconds=0.5,
    flush_seconds=5.0,
)

from wsproject.settings import *  # noqa: E402, F403
from wsproject.settings import DATABASES  # noqa: E402

# The settings of the importing process stay as they are.
DATABASES = deepcopy(DATABASES)
DATABASES["default"]["OPTIONS"]["timeout"] = 1
