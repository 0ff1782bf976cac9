"""
Hypothesis settings that try the same examples in every run, at any speed.

``BLOCKFEED_EXAMPLES`` sets the number of examples for each property; CI tries more than a
developer wants to wait for.
"""

import os

from hypothesis import settings

FEW, MANY = 25, 100
"""Default number of examples for each property: on a developer's machine, and in CI."""

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    max_examples=int(
        os.environ.get("BLOCKFEED_EXAMPLES") or (MANY if os.environ.get("BLOCKFEED_CI") else FEW)
    ),
)
settings.load_profile("repeatable")
