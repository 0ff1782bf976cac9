"""Checks of the database and the channel layer when a command starts."""

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from feeds.layer import valkey
from feeds.layer.channel_layer import EMBEDDED


def require_engines() -> None:
    """Raise CommandError unless the tables exist and the embedded server runs."""
    try:
        require_migrations()
    finally:
        connection.close()
    if settings.REDIS_URL == EMBEDDED:
        try:
            valkey.acquire(str(settings.VAR_DIR))
        except valkey.ValkeyUnavailable as error:
            raise CommandError(str(error)) from None


def require_migrations() -> None:
    """Raise CommandError unless the database answers and has all its tables."""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise CommandError(f"the database does not answer: {error}") from None
    if missing:
        raise CommandError(
            f"the database lacks {len(missing)} migrations; run: python manage.py migrate"
        )
