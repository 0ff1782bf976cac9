"""
What the server remembers: feeds and their segments, sessions, receipts, samples.

Times that belong to a feed's schedule are integers, microseconds since 1970;
times that people read are datetimes. Session keys are secrets: only their
prefix is ever shown.
"""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from clientapp.wire import names
from clientapp.wire import verdict as wire

LEAST_RATE, MOST_RATE = Decimal("0.001"), Decimal(1_000_000)
"""Of a feed, messages per second."""


class Feed(models.Model):
    """A named endless series, and how far it surely exists."""

    class Kind(models.TextChoices):
        """Which source makes the records."""

        USERS = "users"
        ARRAYS = "arrays"

    name = models.CharField(
        max_length=40,
        unique=True,
        validators=[RegexValidator(rf"^{names.FEED_NAME.pattern}\Z", names.FEED_NAME_RULE)],
        help_text=names.FEED_NAME_RULE,
    )
    kind = models.CharField(max_length=20, choices=Kind)
    spec = models.JSONField(
        default=dict, blank=True, help_text="What the source makes; empty for its defaults."
    )
    seed = models.BigIntegerField(
        default=1,
        validators=[MinValueValidator(0)],
        help_text="The same kind, spec and seed make the same records.",
    )
    rate = models.DecimalField(
        max_digits=10,
        decimal_places=3,
        default=Decimal(1),
        validators=[MinValueValidator(LEAST_RATE), MaxValueValidator(MOST_RATE)],
        help_text="Messages per second.",
    )
    enabled = models.BooleanField(default=True)
    owner = models.BigIntegerField(default=0, editable=False)
    """Counts the generators that took this feed; the last one owns it."""
    promised = models.BigIntegerField(default=0, editable=False)
    """The offset up to which the feed surely exists, or will within a second."""
    promised_us = models.BigIntegerField(default=0, editable=False)
    """When the owner last promised; 0 after it stopped cleanly."""

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(rate__gte=LEAST_RATE, rate__lte=MOST_RATE), name="feed_rate"
            ),
        )

    def __str__(self) -> str:
        """Return the feed's name."""
        return self.name

    @property
    def rate_milli(self) -> int:
        """Messages per 1,000 seconds."""
        return int(self.rate * 1000)


class Segment(models.Model):
    """
    A stretch of a feed with one recipe and one rate; never changed.

    The recipe (kind, spec, seed) is copied here when the segment begins, so
    that an edit of the feed never changes what was already served.
    """

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="segments")
    epoch = models.CharField(max_length=12)
    kind = models.CharField(max_length=20, choices=Feed.Kind)
    spec = models.JSONField(default=dict)
    seed = models.BigIntegerField()
    first = models.BigIntegerField()
    """The first offset of the segment."""
    started_us = models.BigIntegerField()
    """The intended time of the first message."""
    rate_milli = models.BigIntegerField()
    """Messages per 1,000 seconds."""

    class Meta:
        ordering = ("first",)
        constraints = (
            models.UniqueConstraint(fields=("feed", "first"), name="segment_feed_first"),
        )

    def __str__(self) -> str:
        """Return what the segment says."""
        return f"{self.feed} from {self.first} at {self.rate_milli / 1000:g}/s"


class ClientSession(models.Model):
    """One client's run, which outlives its connections."""

    class Status(models.TextChoices):
        """Whether the client is there."""

        ONLINE = "online"
        AWAY = "away", "away (may come back)"
        LEFT = "left"

    key = models.CharField(max_length=64, unique=True)
    client = models.CharField(max_length=64, db_index=True)
    feeds = models.CharField(max_length=700)
    """Names in the order asked for, a space between them."""
    block_size = models.PositiveIntegerField(db_index=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.ONLINE)
    connects = models.PositiveIntegerField(default=0)
    """Connections so far; the last one to be counted owns the session."""
    blocks = models.PositiveBigIntegerField(default=0)
    """Block reports stored."""
    messages = models.PositiveBigIntegerField(default=0)
    """Messages in those blocks."""
    verified = models.PositiveBigIntegerField(default=0)
    """Of those blocks the ones that hold what their feeds hold."""
    broken = models.PositiveBigIntegerField(default=0)
    unverifiable = models.PositiveBigIntegerField(default=0)
    forgotten = models.PositiveBigIntegerField(default=0, editable=False)
    """The highest block whose report was removed for its age; all up to it count as stored."""
    created_at = models.DateTimeField()
    connected_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ("-connected_at", "-id")
        indexes = (
            models.Index(fields=("status", "-connected_at"), name="session_status"),
            models.Index(fields=("-connected_at", "-id"), name="session_recent"),
        )

    def __str__(self) -> str:
        """Return the client's name and the printable part of the key."""
        return f"{self.client} {names.key_prefix(self.key)}"


class Connection(models.Model):
    """One socket of a session."""

    session = models.ForeignKey(ClientSession, on_delete=models.CASCADE, related_name="connections")
    server = models.CharField(max_length=40)
    """The server process that holds, or held, the socket."""
    channel = models.CharField(max_length=200)
    """The channel layer's name of its consumer."""
    peer = models.CharField(max_length=100)
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    close_code = models.PositiveIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    behind = models.PositiveBigIntegerField(default=0)
    """Messages between what it was sent and the heads of its feeds, when last seen."""

    class Meta:
        ordering = ("-opened_at", "-id")
        indexes = (
            models.Index(
                fields=("server", "channel"),
                condition=models.Q(closed_at=None),
                name="connection_open",
            ),
        )

    def __str__(self) -> str:
        """Return the peer's address."""
        return self.peer


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
    number = models.PositiveBigIntegerField()
    text = models.CharField(max_length=200)
    """The sentence, as the client said it."""
    size = models.PositiveIntegerField(null=True, blank=True)
    """Messages in the block; None where the client said only the sentence."""
    seconds = models.FloatField()
    """From the first to the last message, by the client's monotonic clock."""
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
    """Whether the connection was lost while the block was collected."""
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    clients = models.PositiveIntegerField()
    """Connections of the receiving server process when the report came."""
    received_at = models.DateTimeField()

    class Meta:
        ordering = ("-received_at", "-id")
        constraints = (models.UniqueConstraint(fields=("session", "number"), name="report_once"),)
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


class ClientMessage(models.Model):
    """Text that a client sent and that is none of the protocol's own."""

    session = models.ForeignKey(
        ClientSession, on_delete=models.CASCADE, related_name="client_messages"
    )
    text = models.TextField()
    received_at = models.DateTimeField()

    class Meta:
        ordering = ("-received_at", "-id")
        indexes = (models.Index(fields=("-received_at", "-id"), name="message_recent"),)

    def __str__(self) -> str:
        """Return which message it is, in words of ours."""
        return f"message {self.pk}"


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
    block_p50 = models.FloatField(null=True)
    """Block time in seconds; None: no report came."""
    block_p99 = models.FloatField(null=True)
    latency_p50 = models.FloatField(null=True)
    """Median of the blocks' medians, in seconds; None: no report told it."""
    latency_p99 = models.FloatField(null=True)
    """99th percentile of the blocks' own p99."""

    class Meta:
        # Whoever may view sessions or reports may view what the history says of them.
        default_permissions = ()

    def __str__(self) -> str:
        """Return when and where it was taken."""
        return f"{self.server} at {self.at:%Y-%m-%d %H:%M:%S}"
