"""The history of what servers did."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models


class Sample(models.Model):
    """What one server process did in a few seconds: a point of the history."""

    server = models.CharField(max_length=40)
    at = models.DateTimeField(db_index=True)
    """The end of the period."""
    seconds = models.FloatField()
    """How long the period was, by the monotonic clock."""
    sessions = models.PositiveIntegerField()
    """Connected at its end."""
    messages = models.PositiveBigIntegerField()
    """Sent to clients, each once per client."""
    worst_lag = models.PositiveBigIntegerField()
    """Messages that the client lacked which lacked most."""
    blocks = models.PositiveIntegerField()
    """Reports stored, and of them:"""
    verified = models.PositiveIntegerField()
    broken = models.PositiveIntegerField()
    left_out = models.PositiveIntegerField(default=0)
    """Reports that are in no figure below, but for those of plain clients."""
    overhead_p50 = models.FloatField(null=True)
    """Block time minus its ideal, in seconds; None: no report gave one."""
    overhead_p99 = models.FloatField(null=True)
    plain = models.PositiveIntegerField(default=0)
    """Reports of plain clients, and their block time, which has no ideal:"""
    plain_p50 = models.FloatField(null=True)
    plain_p99 = models.FloatField(null=True)
    latency_p50 = models.FloatField(null=True)
    """Median of the blocks' medians, in seconds; None: no report told it by the server's clock."""
    latency_p99 = models.FloatField(null=True)
    """99th percentile of the blocks' own p99."""
    unavailable = models.CharField(max_length=100, blank=True, default="")
    """Parts that did not work at some time in the period, a space between them."""
    feeds = models.JSONField(null=True, blank=True)
    """Per feed that was in use: sessions at the end, messages sent, worst lag. None: a sample of
    an older version, which does not tell."""

    class Meta:
        # Whoever may view sessions or reports may view what the history says of them.
        default_permissions = ()

    def __str__(self) -> str:
        """Return when and where it was taken."""
        return f"{self.server} at {self.at:%Y-%m-%d %H:%M:%S}"

    @property
    def began(self) -> datetime:
        """When the period began."""
        return self.at - timedelta(seconds=self.seconds)
