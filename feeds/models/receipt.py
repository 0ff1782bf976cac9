"""Reports of blocks, with what they were found to be."""

from __future__ import annotations

from django.db import models

from clientapp.wire import names
from clientapp.wire import verdict as wire
from feeds.models.session import ClientSession


class BlockReport(models.Model):
    """
    A client's receipt for one block; stored once, with what it was found to be.

    Nothing of it ever changes, but for what is wrong with a broken block: its
    client tells that later.
    """

    class Verdict(models.TextChoices):
        """What the server found."""

        VERIFIED = wire.Verdict.VERIFIED.value
        BROKEN = wire.Verdict.BROKEN.value
        UNVERIFIABLE = wire.Verdict.UNVERIFIABLE.value

    session = models.ForeignKey(ClientSession, on_delete=models.CASCADE, related_name="reports")
    plain = models.BooleanField(default=False)
    """Whether the client said only the sentence, which the server cannot check."""
    number = models.PositiveBigIntegerField()
    """The block's number; of a plain report the server's count of the session's sentences."""
    number_said = models.PositiveBigIntegerField(null=True, blank=True)
    """The number in a plain report's sentence, which may be anything; None: not plain."""
    text = models.CharField(max_length=200)
    """The sentence, as the client said it."""
    size = models.PositiveBigIntegerField(null=True, blank=True)
    """Messages in the block; of a plain report those written to the client, unless it declared a
    block size. None: a plain report of an older version."""
    seconds = models.FloatField()
    """From the first to the last message, by the client's monotonic clock."""
    ideal = models.FloatField(null=True, blank=True)
    """The block time where every message comes when it is due: by the schedule, from its first
    message to its last. None: not known, as where messages are missing."""
    rates = models.JSONField(default=dict, blank=True)
    """Messages a second of each feed of the session then; None: it changed within the block."""
    ranges = models.JSONField(default=dict, blank=True)
    """Per feed: epoch, first, last, count, digest, gaps, duplicates."""
    verdict = models.CharField(max_length=12, choices=Verdict, default=Verdict.UNVERIFIABLE)
    reason = models.CharField(max_length=500, blank=True)
    """Why it is not verified; empty where it is."""
    difference = models.JSONField(null=True, blank=True)
    """Per feed what a broken block lacks and has too much; None: not told, or whole."""
    label = models.CharField(max_length=names.MAX_LABEL, blank=True)
    """What the client calls its experiment."""
    latency_p50 = models.FloatField(null=True, blank=True)
    latency_p99 = models.FloatField(null=True, blank=True)
    latency_max = models.FloatField(null=True, blank=True)
    clock_offset = models.FloatField(null=True, blank=True)
    """Seconds added to the client's clock for the latencies; None: nothing is known of it."""
    clock_error = models.FloatField(null=True, blank=True)
    """Seconds by which that may be wrong."""
    interrupted = models.BooleanField(default=False)
    """Whether the connection was lost while the block was collected, or it was caught up."""
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    clients = models.PositiveIntegerField()
    """Connections of the receiving server process when the report came."""
    received_at = models.DateTimeField()

    class Meta:
        ordering = ("-received_at", "-id")
        constraints = (
            # In this order it also leads to the newest reports of a session.
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
        """Return which block it is, in words of ours."""
        return f"block {self.number}"
