"""The signals that ask a program to stop."""

import signal

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""From Ctrl-C, from a supervisor, and from a terminal or connection that was closed."""


def heeded_stops() -> list[signal.Signals]:
    """
    Return the signals that a program must stop on.

    Without SIGHUP where it was ignored at the start: that is what nohup does.
    """
    return [
        number
        for number in STOPS
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    ]


def ignore_stops() -> None:
    """
    Let no signal kill a process that has stopped and is about to end.

    One Ctrl-C may come twice, from the terminal and from a parent, and Python
    gives signals their deadly default back while it ends.
    """
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
