"""How many processes a swarm needs, and whether they may be as large as that."""

from __future__ import annotations

import resource
from collections.abc import Mapping, Sequence

from ...core.errors import CouldNot
from .swarmplan import Role

PACE = 6000
"""Messages a second that a process takes and has room left."""
SPARE_FILES = 64
"""Descriptors that a process needs beside its connections and logs."""


def processes_for(roles: Sequence[Role], rates: Mapping[str, float], cores: int) -> int:
    """Return as few processes as keep pace with feeds of these *rates*, one a core at most."""
    load = sum(rates.get(feed, 0.0) for role in roles for feed in role.part.feeds)
    return max(1, min(cores, len(roles), -(-int(load) // PACE)))


def require_files(files: int) -> None:
    """Raise CouldNot where a process may not open so many files and spare ones."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and files + SPARE_FILES > most:
        raise CouldNot(
            f"a process would need {files + SPARE_FILES} open files, and {most} are allowed here; "
            "let fewer clients come, or raise the limit with ulimit -n"
        )
