"""The signals that ask a program to stop."""

import signal

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Sent by Ctrl-C, by a supervisor, and when a terminal or connection is closed."""


def heeded_stops() -> list[signal.Signals]:
    """
    Return the signals on which a program must stop.

    SIGHUP is left out if it is ignored already, as it is under nohup.
    """
    return [
        number
        for number in STOPS
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    ]


def ignore_stops() -> None:
    """
    Ignore the stop signals in a process that has stopped and is about to exit.

    One Ctrl-C may arrive twice, from the terminal and from a parent. During its
    exit Python restores the default, so the second one would kill the process.
    """
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
