"""
The errors that end a client before its work is done.

    ClientError         a sentence for the user, and the exit code
    ├── CouldNot        1: no server, no usable log, no acknowledgement
    ├── BadUsage        2: an option has a value that is not allowed
    ├── Refused         3: the server refuses this client
    ├── NothingCame     4: no new message within the timeout
    └── NotVerified     5: a block is not verified, or a message is missing
"""

from __future__ import annotations


class ClientError(Exception):
    """An error that ends the client; its text is one sentence."""

    exit_code = 1


class CouldNot(ClientError):
    """The request is valid, but it failed here and now."""

    exit_code = 1


class BadUsage(ClientError):
    """The request is not allowed."""

    exit_code = 2


class Refused(ClientError):
    """The server told the client not to reconnect."""

    exit_code = 3


class NothingCame(ClientError):
    """No new message arrived within the user's timeout."""

    exit_code = 4


class NotVerified(ClientError):
    """The user wants every block verified, but some block is not."""

    exit_code = 5
