"""
Many new rows of one model into the database, by one prepared statement.

Django's ``bulk_create`` builds, in Python, a statement of some dozens of rows
for each some dozens of rows. For reports that took a third of a commit, and
while it is built the event loop's sends wait for the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model


def insert(rows: Sequence[Model]) -> None:
    """Insert *rows*, all of one model; the keys that they get are not read back."""
    if not rows:
        return
    connection = connections[DEFAULT_DB_ALIAS]
    meta = type(rows[0])._meta  # noqa: SLF001  Django's documented name
    fields = [field for field in meta.concrete_fields if not field.primary_key]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {quote(meta.db_table)} ({columns}) VALUES ({places})",  # noqa: S608  names of ours
            [
                [
                    field.get_db_prep_save(getattr(row, field.attname), connection)
                    for field in fields
                ]
                for row in rows
            ],
        )
