"""The number of processes that a swarm needs, and the open files that they may have."""

from __future__ import annotations

import resource
from collections.abc import Mapping, Sequence

from ...core.errors import CouldNot
from .swarmplan import Role

PACE = 6000
"""Messages per second that a process handles with room to spare."""
SPARE_FILES = 64
"""Descriptors that a process needs besides its connections and logs."""


def processes_for(roles: Sequence[Role], rates: Mapping[str, float], cores: int) -> int:
    """Return the fewest processes that keep up with these *rates*, at most one per core."""
    load = sum(rates.get(feed, 0.0) for role in roles for feed in role.part.feeds)
    return max(1, min(cores, len(roles), -(-int(load) // PACE)))


def require_files(files: int) -> None:
    """Raise CouldNot if a process may not open *files* files and the spare ones."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and files + SPARE_FILES > most:
        raise CouldNot(
            f"a process would need {files + SPARE_FILES} open files, and {most} are allowed here; "
            "use fewer clients, or raise the limit with ulimit -n"
        )
