"""The signs of life of the server processes."""

from __future__ import annotations

from django.db import models


class Lease(models.Model):
    """The sign of life of one server process, kept until the process ends."""

    server = models.CharField(max_length=40, primary_key=True)
    beats = models.PositiveBigIntegerField()
    """Raised by the process at each heartbeat. Other processes only check whether it changes."""
    seen_at = models.DateTimeField()
    """The time of the last heartbeat by the clock of its host: for people, never compared."""

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        """Return the server process."""
        return self.server
