"""
The same examples in every run of the unit tier, at any speed.

``BLOCKFEED_EXAMPLES`` is their number for each property; CI tries more than a
developer waits for.
"""

import os

from hypothesis import settings

FEW, MANY = 25, 100
"""Examples of each property where nothing is said: on a developer's machine, and in CI."""

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    max_examples=int(
        os.environ.get("BLOCKFEED_EXAMPLES") or (MANY if os.environ.get("BLOCKFEED_CI") else FEW)
    ),
)
settings.load_profile("repeatable")
