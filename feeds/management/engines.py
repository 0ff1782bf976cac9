"""What commands require of the database before they start."""

from django.core.management.base import CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor


def require_migrations() -> None:
    """Raise CommandError unless every migration has been applied."""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise CommandError(f"the database does not answer: {error}") from None
    finally:
        connection.close()
    if missing:
        raise CommandError(
            f"the database lacks {len(missing)} migrations; run: python manage.py migrate"
        )
