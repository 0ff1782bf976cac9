"""The history of the server processes, as samples."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models


class Sample(models.Model):
    """The work of one server process in a few seconds: a point of the history."""

    server = models.CharField(max_length=40)
    at = models.DateTimeField(db_index=True)
    """The end of the period."""
    seconds = models.FloatField()
    """Length of the period, by the monotonic clock."""
    sessions = models.PositiveIntegerField()
    """Sessions connected at the end of the period."""
    messages = models.PositiveBigIntegerField()
    """Messages sent, counted once per client."""
    worst_lag = models.PositiveBigIntegerField()
    """Lag, in messages, of the client that was furthest behind."""
    blocks = models.PositiveIntegerField()
    """Reports stored; of these:"""
    verified = models.PositiveIntegerField()
    broken = models.PositiveIntegerField()
    left_out = models.PositiveIntegerField(default=0)
    """Reports left out of the figures below, not counting reports of plain clients."""
    overhead_p50 = models.FloatField(null=True)
    """Block time minus its ideal, in seconds; None: no report had one."""
    overhead_p99 = models.FloatField(null=True)
    plain = models.PositiveIntegerField(default=0)
    """Reports of plain clients; their block times, which have no ideal:"""
    plain_p50 = models.FloatField(null=True)
    plain_p99 = models.FloatField(null=True)
    latency_p50 = models.FloatField(null=True)
    """Median of the blocks' medians, in seconds; None: no report had latencies by the server's
    clock."""
    latency_p99 = models.FloatField(null=True)
    """99th percentile of the blocks' own p99."""
    unavailable = models.CharField(max_length=100, blank=True, default="")
    """Parts that did not work at some time in the period, a space between them."""
    feeds = models.JSONField(null=True, blank=True)
    """Per feed that was in use: sessions at the end, messages sent, worst lag. None: a sample of
    an older version, which does not record it."""

    class Meta:
        # No permissions of its own: permissions to view sessions and reports apply.
        default_permissions = ()

    def __str__(self) -> str:
        """Return the server process and the time."""
        return f"{self.server} at {self.at:%Y-%m-%d %H:%M:%S}"

    @property
    def began(self) -> datetime:
        """When the period began."""
        return self.at - timedelta(seconds=self.seconds)
