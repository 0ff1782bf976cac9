"""The wall clock of this process, in the unit of the protocol."""

import time


def now_us() -> int:
    """Return the wall time in microseconds since 1970."""
    return time.time_ns() // 1000
