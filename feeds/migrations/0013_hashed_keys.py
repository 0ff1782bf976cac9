"""Session keys in their stored form, which does not reveal them."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from feeds.core.keys import SEPARATOR, stored_key

BATCH = 1000
"""Rows read and written at a time, to bound memory."""


def hash_keys(apps: Any, editor: Any) -> None:
    """Replace each key by its stored form; leave out those that have it already."""
    sessions = apps.get_model("feeds", "ClientSession").objects.order_by("pk")
    if editor.connection.vendor == "sqlite":
        with editor.connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")  # else free space would keep the keys
    last = 0
    while rows := list(sessions.filter(pk__gt=last)[:BATCH]):
        last = rows[-1].pk
        plain = [row for row in rows if SEPARATOR not in row.key]
        for row in plain:
            row.key = stored_key(row.key)
        # Begun with the same key while this migration was undone: its client has the newer one.
        for older in sessions.filter(key__in=[row.key for row in plain]):
            sessions.filter(pk=older.pk).update(key=f"{older.key[:8]}{SEPARATOR}{older.pk}")
        sessions.bulk_update(plain, ["key"], batch_size=100)


class Migration(migrations.Migration):
    """
    Hashes keys, so clients resume with the ones they have.

    Undoing it leaves the hashes, since a hash cannot be undone: with the older version,
    clients then begin new sessions with their keys. Applied again, both kinds are hashed.
    """

    dependencies = [("feeds", "0012_leases")]

    operations = [migrations.RunPython(hash_keys, migrations.RunPython.noop)]
