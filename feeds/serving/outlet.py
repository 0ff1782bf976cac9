"""The outlet of one connection: its subscription to the hub, and its controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from clientapp.wire.from_server import Control
from feeds.core.form import Form
from feeds.core.frames import control_frame
from feeds.core.hub import Hub
from feeds.core.subscriber import Subscriber, Writer


class ServedWriter(Writer, Protocol):
    """A writer with callbacks for when bytes are unsent, and when all have been sent."""

    held: Callable[[], None]
    drained: Callable[[], None]


class Outlet:
    """One reader of a hub."""

    def __init__(self, hub: Hub, writer: ServedWriter, cursors: dict[str, int], form: Form) -> None:
        """Start sending the messages after *cursors*, one offset per feed, to *writer*."""
        self._hub = hub
        self._form = form
        self.subscriber: Subscriber = hub.subscribe(writer, cursors, form)
        writer.held, writer.drained = self.held, self.drained

    @property
    def has_controls(self) -> bool:
        """Whether the client gets controls; a plain client receives messages only."""
        return self._form.has_controls

    @property
    def is_blocked(self) -> bool:
        """Whether bytes for the client are unsent, so that a control would arrive late."""
        return self.subscriber.blocked

    @property
    def readers(self) -> int:
        """Number of connections that this process serves."""
        return len(self._hub.subscribers)

    def tell(self, control: Control) -> None:
        """Send *control*, in order with the data; a plain client gets nothing."""
        if self.has_controls:
            self._hub.write(self.subscriber, control_frame(control))

    def written(self) -> int:
        """Return the number of messages written so far."""
        return self._hub.written(self.subscriber)

    def held(self) -> None:
        """Pause the data until `drained`: the writer has unsent bytes."""
        self._hub.held(self.subscriber)

    def drained(self) -> None:
        """Resume the data: the writer has sent all its bytes."""
        self._hub.drained(self.subscriber)

    def close(self) -> None:
        """Send no more data; frames already begun are still sent."""
        self._hub.unsubscribe(self.subscriber)
