"""
A network of hosts: each is a network namespace, with a cable to one switch.

A namespace lives as long as the process that holds it, so nothing is left behind, even if
this process is killed. The process itself moves into a namespace that has the switch. It
needs Linux, root, and the programs ``ip`` and ``nsenter``.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from itertools import count
from pathlib import Path

from tests.support.stack import until

NEW_NETWORK = 0x40000000
"""``CLONE_NEWNET`` of ``linux/sched.h``."""
SWITCH = "switch"
NET = "10.77.0"
OWN_NUMBER = 254
"""The last part of the address of the process that builds the network."""
FIRST_NUMBER = 11
"""The last part of the address of the first host."""


def missing() -> str:
    """Return what this machine lacks for such a network; empty if nothing."""
    if os.geteuid() != 0:
        return "root"
    packages = {"ip": "iproute2", "nsenter": "util-linux", "unshare": "util-linux"}
    for program, package in packages.items():
        if shutil.which(program) is None:
            return f"{program} (Debian: {package})"
    return ""


class Network:
    """The switch, and its hosts by name."""

    def __init__(self) -> None:
        """Move this process, which may have one thread only, to the switch."""
        if ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "no network namespace")
        _ip("link", "set", "lo", "up")
        _ip("link", "add", SWITCH, "type", "bridge", "forward_delay", "0")
        _ip("address", "add", f"{NET}.{OWN_NUMBER}/24", "dev", SWITCH)
        _ip("link", "set", SWITCH, "up")
        self.hosts: dict[str, Host] = {}
        self._numbers = count(FIRST_NUMBER)

    def add(self, name: str) -> Host:
        """Connect a new host."""
        self.hosts[name] = Host(name, next(self._numbers))
        return self.hosts[name]

    def close(self) -> None:
        """Remove all hosts; their programs must have ended."""
        for host in self.hosts.values():
            host.close()


class Host:
    """A namespace, and its cable to the switch."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.address = f"{NET}.{number}"
        self._cable = f"cable{number}"
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        pid = self._holder.pid
        own = Path("/proc/self/ns/net").readlink()
        until(lambda: Path(f"/proc/{pid}/ns/net").readlink() != own, lambda: f"no namespace {name}")
        self.inside = ("nsenter", f"--net=/proc/{pid}/ns/net")
        """The beginning of a command that runs on this host."""
        peer = ("peer", "name", "eth0", "netns", str(pid))
        _ip("link", "add", self._cable, "type", "veth", *peer)
        _ip("link", "set", self._cable, "up")
        for arguments in (
            ("address", "add", f"{self.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip(*arguments, inside=self.inside)
        self.heal()

    def cut(self) -> None:
        """Cut this host off: the switch drops its packets, and no program is notified."""
        _ip("link", "set", self._cable, "nomaster")

    def heal(self) -> None:
        """Let the switch forward again."""
        _ip("link", "set", self._cable, "master", SWITCH)

    def close(self) -> None:
        """Remove the host."""
        self._holder.kill()
        self._holder.wait()


def _ip(*arguments: str, inside: tuple[str, ...] = ()) -> None:
    subprocess.run([*inside, "ip", *arguments], check=True)
