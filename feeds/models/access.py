"""Tokens that let clients in, and bans that keep them out."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_network

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from clientapp.wire import names

MOST_CONNECTIONS = 20_000
"""The most connections that a token may be limited to: as many as a server process serves."""


def validate_client(name: str) -> None:
    """Raise ValidationError unless a client may have this *name*."""
    if not names.is_client_name(name):
        raise ValidationError(f"{name[:80]!r} is not a client's name: {names.CLIENT_NAME_RULE}")


def validate_address(text: str) -> None:
    """Raise ValidationError unless *text* is an address or a network."""
    try:
        ip_network(text)
    except ValueError:
        rule = "an IP address or a network, such as 192.0.2.7 or 192.0.2.0/24"
        raise ValidationError(f"{text[:80]!r} is not allowed: {rule}") from None


class AccessToken(models.Model):
    """A token that was issued. Its text is shown once and not stored."""

    key = models.CharField(max_length=12, primary_key=True, editable=False)
    """Its identifier, which is not a secret."""
    label = models.CharField(max_length=64, help_text="The purpose of the token, in your words.")
    client = models.CharField(
        max_length=64,
        blank=True,
        validators=[validate_client],
        help_text="The only client name that may use it; empty for any.",
    )
    feeds = models.CharField(max_length=700, blank=True)
    """Names separated by spaces; empty: all feeds."""
    connections = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_CONNECTIONS)],
        help_text="Connections to one server process at the same time; empty for any number.",
    )
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150, blank=True)
    """The user who issued it; empty: the command."""
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="In UTC; empty if it does not expire."
    )
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)

    class Meta:
        ordering = ("-created_at", "key")
        verbose_name = "token"

    def __str__(self) -> str:
        """Return the label and the key."""
        return f"{self.label} ({self.key})"

    @property
    def state(self) -> str:
        """Return whether it is valid, in a word."""
        if self.revoked_at is not None:
            return "revoked"
        is_over = self.expires_at is not None and self.expires_at <= datetime.now(UTC)
        return "expired" if is_over else "valid"


class Ban(models.Model):
    """A client's name or an address that may not connect."""

    client = models.CharField(
        max_length=64, blank=True, validators=[validate_client], help_text="A client's name."
    )
    address = models.CharField(
        max_length=49,
        blank=True,
        validators=[validate_address],
        help_text="An IP address or a network, such as 192.0.2.7 or 192.0.2.0/24.",
    )
    reason = models.CharField(
        max_length=200, blank=True, help_text="For other operators; clients do not see it."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150, blank=True, editable=False)
    """The user who made it; empty: the command."""

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(client="", address__gt="") | models.Q(client__gt="", address=""),
                name="ban_of_one",
            ),
        )

    def __str__(self) -> str:
        """Return the banned name or address."""
        return f"client {self.client}" if self.client else f"address {self.address}"

    def clean(self) -> None:
        """Raise ValidationError unless either a name or an address is given."""
        if bool(self.client) == bool(self.address):
            raise ValidationError("Name either a client or an address.")
