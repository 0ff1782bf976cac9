"""The block log of a member."""

from __future__ import annotations

from clientapp.blocklog import BlockLog


class UnsyncedLog(BlockLog):
    """
    A block log that waits for no disk.

    It outlives its process. What a crash of the machine takes is no loss, for
    what was measured is then measured again; what syncs take would be one.
    """

    def sync(self) -> None:
        """Leave the disk in peace."""
