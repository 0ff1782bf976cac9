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

    An answer that took long is shared *rest* times as long as it took, where
    that is more, so that looking takes a bounded part of the time. Who asks
    while somebody looks waits for that look. One that fails counts for
    *seconds*, too: a database that is away is not asked by each page.
    """

    def __init__(
        self,
        look: Callable[[], Found],
        *,
        seconds: float = 0.0,
        rest: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._seconds = seconds
        self._rest = rest
        self._clock = clock
        self._lock = threading.Lock()
        self._answer: tuple[Found] | Exception | None = None
        self._until = 0.0

    def get(self) -> Found:
        """Return the answer; raises what the look for it raised."""
        with self._lock:
            if self._answer is None or self._clock() >= self._until:
                self._answer = self._ask()
            answer = self._answer
        if isinstance(answer, Exception):
            raise answer.with_traceback(None)
        return answer[0]

    def forget(self) -> None:
        """Look again for the next who asks."""
        with self._lock:
            self._answer = None

    def _ask(self) -> tuple[Found] | Exception:
        began = self._clock()
        seconds = self._seconds
        answer: tuple[Found] | Exception
        try:
            answer = (self._look(),)
            seconds = max(seconds, self._rest * (self._clock() - began))
        except Exception as error:  # noqa: BLE001  it is raised, to each who asks
            answer = error
        self._until = self._clock() + seconds
        return answer
