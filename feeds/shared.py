"""What many ask for, looked up once for all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Found = TypeVar("Found")


class Shared(Generic[Found]):
    """
    One answer for everybody who asks within *seconds*, in any thread.

    Who asks while somebody looks waits for that look. One that fails counts
    like one that does not: a database that is away is not asked by each page.
    """

    def __init__(
        self,
        look: Callable[[], Found],
        *,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._answer: tuple[Found] | Exception | None = None
        self._since = 0.0

    def get(self) -> Found:
        """Return the answer; raises what the look for it raised."""
        with self._lock:
            if self._answer is None or self._clock() - self._since >= self._seconds:
                self._answer = self._ask()
                self._since = self._clock()
            answer = self._answer
        if isinstance(answer, Exception):
            raise answer.with_traceback(None)
        return answer[0]

    def forget(self) -> None:
        """Look again for the next who asks."""
        with self._lock:
            self._answer = None

    def _ask(self) -> tuple[Found] | Exception:
        try:
            return (self._look(),)
        except Exception as error:  # noqa: BLE001  it is raised, to each who asks
            return error
