"""The signals that ask a command to stop."""

import signal

STOPS = (signal.SIGINT, signal.SIGTERM)
"""From Ctrl-C, and from whoever supervises processes."""


def ignore_stops() -> None:
    """
    Let no signal kill a process that has stopped and is about to end.

    One Ctrl-C may come twice, from the terminal and from a parent, and Python
    gives signals their deadly default back while it ends.
    """
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
