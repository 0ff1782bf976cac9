"""The outlet of one connection: its place in the hub, and what its client is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from clientapp.wire.from_server import Control
from feeds.core.form import Form
from feeds.core.frames import control_frame
from feeds.core.hub import Hub
from feeds.core.subscriber import Subscriber, Writer


class ServedWriter(Writer, Protocol):
    """A writer that says when it holds bytes back, and when all of them have left."""

    held: Callable[[], None]
    drained: Callable[[], None]


class Outlet:
    """One reader of a hub."""

    def __init__(self, hub: Hub, writer: ServedWriter, cursors: dict[str, int], form: Form) -> None:
        """Begin to send what follows *cursors*, one offset per feed, to *writer*."""
        self._hub = hub
        self._form = form
        self.subscriber: Subscriber = hub.subscribe(writer, cursors, form)
        writer.held, writer.drained = self.held, self.drained

    @property
    def has_controls(self) -> bool:
        """Whether the client is told anything; a plain client receives messages only."""
        return self._form.has_controls

    @property
    def is_blocked(self) -> bool:
        """Whether the client does not take what is sent: anything told now comes late."""
        return self.subscriber.blocked

    @property
    def readers(self) -> int:
        """How many connections this process serves."""
        return len(self._hub.subscribers)

    def tell(self, control: Control) -> None:
        """Send *control*, in order with the data; a plain client gets none."""
        if self.has_controls:
            self._hub.write(self.subscriber, control_frame(control))

    def written(self) -> int:
        """Return how many messages were written so far."""
        return self._hub.written(self.subscriber)

    def held(self) -> None:
        """Send no more data until `drained`: the writer holds something back."""
        self._hub.held(self.subscriber)

    def drained(self) -> None:
        """Continue with the data: the writer has sent all it held."""
        self._hub.drained(self.subscriber)

    def close(self) -> None:
        """Send no more data; what has begun still leaves."""
        self._hub.unsubscribe(self.subscriber)
