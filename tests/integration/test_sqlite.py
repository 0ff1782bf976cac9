"""The engine for SQLite, apart from its turnstile."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import DatabaseError, connections

from feeds.sqlite.base import DatabaseWrapper

FILES = Path("/proc/self/fd")


@pytest.mark.skipif(not FILES.exists(), reason="only Linux lists the open files of a process")
@pytest.mark.sqlite("the file of a database")
@pytest.mark.django_db
def test_failed_connection_leaves_no_file_open(tmp_path: Path) -> None:
    """A damaged file is closed as soon as connecting to it has failed."""
    path = tmp_path / "damaged.sqlite3"
    path.write_bytes(b"no database" * 100)
    settings = {**connections["default"].settings_dict, "NAME": str(path)}
    settings["OPTIONS"] = {"init_command": "PRAGMA journal_mode=WAL"}
    broken = DatabaseWrapper(settings, "damaged")
    # The error keeps the failed connection alive, so that only closing it closes the file.
    with pytest.raises(DatabaseError) as caught:
        broken.ensure_connection()
    assert caught.tb is not None
    assert path.resolve() not in {file.resolve() for file in FILES.iterdir()}
