"""The number of connections that the pages of one process may have at once."""

from __future__ import annotations

import threading

from feeds.postgresql.limits import CONNECT_SECONDS, PAGE_CONNECTIONS

_places = threading.BoundedSemaphore(PAGE_CONNECTIONS)
_this_thread = threading.local()


def exempt() -> None:
    """Do not count the connections of this thread, which must live as long as its process."""
    _this_thread.is_exempt = True


class Place:
    """A place for one connection; must be freed, by any thread, when that is closed."""

    def __init__(self) -> None:
        """Wait for a place; raises TimeoutError after `CONNECT_SECONDS`."""
        self._is_taken = not getattr(_this_thread, "is_exempt", False)
        if self._is_taken and not _places.acquire(timeout=CONNECT_SECONDS):
            self._is_taken = False
            raise TimeoutError(f"all {PAGE_CONNECTIONS} database connections for pages are in use")

    def free(self) -> None:
        """Free the place, if it is not free yet."""
        if self._is_taken:
            self._is_taken = False
            _places.release()
