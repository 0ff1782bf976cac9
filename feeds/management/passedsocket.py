"""
A listening socket that another program passed to this process.

systemd does so for a service that is activated by a socket, and gives their number
in the environment (``man sd_listen_fds``). Other programs name the descriptor in the
command.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from django.core.management.base import CommandError

FIRST = 3
"""The descriptor of the first socket that systemd passes."""
VARIABLES = ("LISTEN_PID", "LISTEN_FDS")
FAMILIES = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)


def is_activated(variables: Mapping[str, str], pid: int) -> bool:
    """Tell whether systemd passed sockets to the process *pid*, and not to a parent of it."""
    passed_to, number = (variables.get(name, "") for name in VARIABLES)
    return passed_to == str(pid) and number.isdecimal() and int(number) >= 1


IS_ACTIVATED = is_activated(os.environ, os.getpid())
"""Whether this process has such sockets; Twisted removes the variables when it is imported."""


@dataclass(frozen=True, slots=True)
class PassedSocket:
    """The descriptor of a socket; None: the first one that systemd passed."""

    descriptor: int | None

    def __str__(self) -> str:
        return "fd:" if self.descriptor is None else f"fd:{self.descriptor}"

    def take(self) -> socket.socket:
        """Return the socket, non-blocking; raises CommandError if it cannot be served."""
        descriptor = self.descriptor
        if descriptor is None:
            if not IS_ACTIVATED:
                raise CommandError(
                    "cannot listen at fd: systemd passed no socket to this process (LISTEN_FDS). "
                    "Start it by a socket unit, or name an address such as 127.0.0.1:8000"
                )
            descriptor = FIRST
        try:
            listener = socket.socket(fileno=descriptor)
        except (OSError, OverflowError):
            raise CommandError(f"cannot listen at {self}: it is not a socket") from None
        if not _is_listening(listener):
            listener.detach()
            raise CommandError(f"cannot listen at {self}: it is not a listening stream socket")
        listener.set_inheritable(False)
        listener.setblocking(False)
        return listener


def _is_listening(listener: socket.socket) -> bool:
    is_stream = listener.family in FAMILIES and listener.type == socket.SOCK_STREAM
    return is_stream and bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
