"""Feeds and the segments of their schedules."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from clientapp.wire import names

LEAST_RATE, MOST_RATE = Decimal("0.001"), Decimal(1_000_000)
"""Bounds of a feed's rate, in messages per second."""


class Feed(models.Model):
    """A named endless series of records, and the offset up to which it is promised."""

    class Kind(models.TextChoices):
        """The kind of source that makes the records."""

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
        default=dict, blank=True, help_text="Options of the source; empty for its defaults."
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
    """The number of generators that have taken this feed; the last one owns it."""
    promised = models.BigIntegerField(default=0, editable=False)
    """The offset up to which the feed exists, or will within a second."""
    promised_us = models.BigIntegerField(default=0, editable=False)
    """Time of the owner's last promise; 0 after it stopped cleanly."""

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

    The recipe (kind, spec, seed) is copied when the segment begins, so that
    editing the feed never changes messages that were already served.
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
        """Return the feed, the first offset and the rate."""
        return f"{self.feed} from {self.first} at {self.rate_milli / 1000:g}/s"
