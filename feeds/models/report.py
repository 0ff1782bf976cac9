"""Block reports and their verdicts."""

from __future__ import annotations

from django.db import models

from clientapp.wire import names
from clientapp.wire import verdict as wire
from feeds.models.session import ClientSession


class BlockReport(models.Model):
    """
    A client's receipt for one block; stored once, with its verdict.

    It never changes, except that the difference of a broken block is added when
    its client explains it.
    """

    class Verdict(models.TextChoices):
        """The server's verdict on a block."""

        VERIFIED = wire.Verdict.VERIFIED.value
        BROKEN = wire.Verdict.BROKEN.value
        UNVERIFIABLE = wire.Verdict.UNVERIFIABLE.value

    session = models.ForeignKey(ClientSession, on_delete=models.CASCADE, related_name="reports")
    plain = models.BooleanField(default=False)
    """Whether the client sent only the sentence, which the server cannot check."""
    number = models.PositiveBigIntegerField()
    """The block's number; for a plain report the server's count of the session's sentences."""
    number_said = models.PositiveBigIntegerField(null=True, blank=True)
    """The number in a plain report's sentence, which is not checked; None: not plain."""
    text = models.CharField(max_length=200)
    """The sentence, as the client sent it."""
    size = models.PositiveBigIntegerField(null=True, blank=True)
    """Messages in the block; for a plain report the messages written to the client, unless it
    declared a block size. None: a plain report of an older version."""
    seconds = models.FloatField()
    """Time from the first to the last message, by the client's monotonic clock."""
    ideal = models.FloatField(null=True, blank=True)
    """The block time if every message arrived when due: by the schedule, from the first message
    to the last. None: unknown, for instance because messages are missing."""
    rates = models.JSONField(default=dict, blank=True)
    """Messages per second of each feed during the block; None: it changed within the block."""
    ranges = models.JSONField(default=dict, blank=True)
    """For each feed: epoch, first, last, count, digest, gaps, duplicates."""
    verdict = models.CharField(max_length=12, choices=Verdict, default=Verdict.UNVERIFIABLE)
    reason = models.CharField(max_length=500, blank=True)
    """The reason why it is not verified; empty if it is."""
    difference = models.JSONField(null=True, blank=True)
    """The difference of a broken block, for each feed; None: not explained, or not broken."""
    label = models.CharField(max_length=names.MAX_LABEL, blank=True)
    """The client's name for its experiment."""
    latency_p50 = models.FloatField(null=True, blank=True)
    latency_p99 = models.FloatField(null=True, blank=True)
    latency_max = models.FloatField(null=True, blank=True)
    clock_offset = models.FloatField(null=True, blank=True)
    """Seconds added to the client's clock for the latencies; None: unknown."""
    clock_error = models.FloatField(null=True, blank=True)
    """Seconds by which the clock offset may be wrong."""
    interrupted = models.BooleanField(default=False)
    """Whether the connection was lost during the block, or some messages were caught up."""
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    clients = models.PositiveIntegerField()
    """Connections of the receiving server process when the report arrived."""
    received_at = models.DateTimeField()

    class Meta:
        ordering = ("-received_at", "-id")
        constraints = (
            # The order also serves queries for the newest reports of a session.
            models.UniqueConstraint(fields=("session", "number", "plain"), name="report_once"),
        )
        indexes = (
            models.Index(fields=("-received_at", "-id"), name="report_recent"),
            models.Index(fields=("verdict", "-received_at", "-id"), name="report_verdict"),
            models.Index(
                fields=("label", "-received_at", "-id"),
                condition=~models.Q(label=""),
                name="report_label",
            ),
        )

    def __str__(self) -> str:
        """Return the block's number, without any text from the client."""
        return f"block {self.number}"
