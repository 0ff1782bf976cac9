"""
Why a client ends before its work is done.

    ClientError         a sentence for the person, and the exit code
    ├── CouldNot        1: no server, no usable log, no acknowledgement
    ├── BadUsage        2: an option has a value that is not allowed
    ├── Refused         3: the server does not want this client
    └── NothingCame     4: no new message came for as long as was allowed
"""

from __future__ import annotations


class ClientError(Exception):
    """Something that ends the client; its text is one sentence."""

    exit_code = 1


class CouldNot(ClientError):
    """What was asked for is fine, but it cannot be done here and now."""

    exit_code = 1


class BadUsage(ClientError):
    """What was asked for is not allowed."""

    exit_code = 2


class Refused(ClientError):
    """The server said to stay away."""

    exit_code = 3


class NothingCame(ClientError):
    """No new message came for as long as the person allowed."""

    exit_code = 4
