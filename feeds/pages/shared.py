"""A value that is looked up once and shared by many requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Found = TypeVar("Found")


class Shared(Generic[Found]):
    """
    One answer for all callers within *seconds*, in any thread.

    An answer that took long is shared for *rest* times as long as it took, if
    that is more, so that lookups take a bounded part of the time. Callers during
    a lookup wait for its result. A failure is shared for *seconds* as well, so
    that not every page queries an unavailable database.
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
        """Return the answer; raises the error of the lookup if it failed."""
        with self._lock:
            if self._answer is None or self._clock() >= self._until:
                self._answer = self._ask()
            answer = self._answer
        if isinstance(answer, Exception):
            raise answer.with_traceback(None)
        return answer[0]

    def forget(self) -> None:
        """Discard the answer, so that the next caller looks again."""
        with self._lock:
            self._answer = None

    def _ask(self) -> tuple[Found] | Exception:
        began = self._clock()
        seconds = self._seconds
        answer: tuple[Found] | Exception
        try:
            answer = (self._look(),)
            seconds = max(seconds, self._rest * (self._clock() - began))
        except Exception as error:  # noqa: BLE001  raised again to each caller
            answer = error
        self._until = self._clock() + seconds
        return answer
