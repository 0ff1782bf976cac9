"""
A disk whose power can be cut: an ext4 file system in a file, on a loop device.

A cut discards everything that was not synced, in the way of the kernel's own tests of file
systems: an ioctl shuts the file system down without writing its log. It needs Linux, root and
loop
devices.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

SHUTDOWN = 0x8004587D
"""``EXT4_IOC_SHUTDOWN`` of ``fs/ext4/ext4.h``: ``_IOR('X', 125, __u32)``."""
WITHOUT_FLUSHING = 2
"""``EXT4_GOING_FLAGS_NOLOGFLUSH``: write nothing more, not even the journal."""
SIZE = 512 * 2**20
"""Bytes of the file, which is sparse: a run of 50 cuts stores some tens of megabytes."""
BUSY_SECONDS = 30.0
"""Time for killed processes to leave the disk."""


def missing() -> str:
    """Return what this machine lacks for such a disk; empty if nothing."""
    if os.geteuid() != 0:
        return "root"
    if not Path("/dev/loop-control").exists():
        return "loop devices"
    return "" if shutil.which("mkfs.ext4") else "mkfs.ext4 (Debian: e2fsprogs)"


class Disk:
    """A mounted disk, from its creation to `close`."""

    def __init__(self, image: Path, place: Path) -> None:
        """Create it in the file *image*, and mount it at *place*, which is created."""
        self._image = image
        self._place = place
        with image.open("wb") as file:
            file.truncate(SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
        place.mkdir()
        self.mount()

    def mount(self) -> None:
        """Mount it, also after a cut: the kernel then replays the journal."""
        subprocess.run(["mount", "-o", "loop", str(self._image), str(self._place)], check=True)

    def sync(self) -> None:
        """Write everything to the disk."""
        subprocess.run(["sync", "--file-system", str(self._place)], check=True)

    def cut(self) -> None:
        """Cut its power: from now on every access fails, and data that was not synced is lost."""
        folder = os.open(self._place, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, SHUTDOWN, struct.pack("=I", WITHOUT_FLUSHING))
        finally:
            os.close(folder)

    def unmount(self) -> None:
        """Unmount it as soon as the last process has left it."""
        end = time.monotonic() + BUSY_SECONDS
        command = ["umount", str(self._place)]
        while subprocess.run(command, capture_output=True, check=False).returncode:
            if time.monotonic() > end:
                subprocess.run(command, check=True)
            time.sleep(0.05)

    def close(self) -> None:
        """Unmount it, if it is mounted; the file stays."""
        if self._place.is_mount():
            self.unmount()
