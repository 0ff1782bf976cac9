"""Client sessions, their connections and the texts they send."""

from __future__ import annotations

from django.db import models

from clientapp.wire import names


class ClientSession(models.Model):
    """One client's run through its feeds; it outlives its connections."""

    class Status(models.TextChoices):
        """The presence of the client."""

        ONLINE = "online"
        AWAY = "away", "away (may come back)"
        LEFT = "left"
        DISCONNECTED = "disconnected", "disconnected by an operator"

    key = models.CharField(max_length=64, unique=True)
    """The stored form of its key, which does not reveal it (`feeds.core.keys`)."""
    client = models.CharField(max_length=64, db_index=True)
    feeds = models.CharField(max_length=700)
    """Names in the order requested, separated by spaces."""
    block_size = models.PositiveIntegerField(db_index=True)
    """Messages per block; 0 for a plain client that did not declare it."""
    status = models.CharField(max_length=12, choices=Status, default=Status.ONLINE)
    connects = models.PositiveIntegerField(default=0)
    """Number of connections so far; the last one counted owns the session."""
    blocks = models.PositiveBigIntegerField(default=0)
    """Block reports stored."""
    messages = models.PositiveBigIntegerField(default=0)
    """Messages in the blocks of these reports."""
    verified = models.PositiveBigIntegerField(default=0)
    """Number of these blocks that the server verified."""
    broken = models.PositiveBigIntegerField(default=0)
    unverifiable = models.PositiveBigIntegerField(default=0)
    sentences = models.PositiveBigIntegerField(default=0, editable=False)
    """Sentences stored so far as plain reports; never lowered, so that numbers are unique."""
    forgotten = models.PositiveBigIntegerField(default=0, editable=False)
    """The highest block whose report was pruned; all blocks up to it count as stored."""
    created_at = models.DateTimeField()
    connected_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    """When it last opened or closed a connection, or reported. Out of date if online."""

    class Meta:
        ordering = ("-connected_at", "-id")
        indexes = (
            models.Index(fields=("status", "-connected_at"), name="session_status"),
            models.Index(fields=("-connected_at", "-id"), name="session_recent"),
        )

    def __str__(self) -> str:
        """Return the client's name and the prefix of the key, which may be shown."""
        return f"{self.client} {names.key_prefix(self.key)}"


class Connection(models.Model):
    """One socket of a session."""

    session = models.ForeignKey(ClientSession, on_delete=models.CASCADE, related_name="connections")
    server = models.CharField(max_length=40)
    """The server process that has, or had, the socket."""
    channel = models.CharField(max_length=200)
    """The channel name of its consumer."""
    peer = models.CharField(max_length=100)
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    """When it was opened or closed; while it is open, the `Lease` of its server tells more."""
    closed_at = models.DateTimeField(null=True, blank=True)
    close_code = models.PositiveIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    behind = models.PositiveBigIntegerField(default=0)
    """Its lag, in messages over all its feeds, at the last heartbeat of its server."""

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


class ClientMessage(models.Model):
    """A text from a client that is not part of the protocol."""

    session = models.ForeignKey(
        ClientSession, on_delete=models.CASCADE, related_name="client_messages"
    )
    text = models.TextField()
    received_at = models.DateTimeField()

    class Meta:
        ordering = ("-received_at", "-id")
        indexes = (models.Index(fields=("-received_at", "-id"), name="message_recent"),)

    def __str__(self) -> str:
        """Return the message's number, without the client's text."""
        return f"message {self.pk}"
