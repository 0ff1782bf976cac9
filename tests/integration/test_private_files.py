"""Files and folders of local state, which only their owner may use."""

import logging
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db.backends.sqlite3.base import DatabaseWrapper as Wrapper

from feeds import private
from feeds.conf import Environment
from feeds.sqlite.base import DatabaseWrapper
from tests.support.forks import run


def mode(path: Path) -> str:
    """Return the mode of *path*."""
    return oct(stat.S_IMODE(path.stat().st_mode))


pytestmark = [pytest.mark.django_db, pytest.mark.sqlite("the files of a database")]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Wrapper]:
    """Give a test the settings of an SQLite database in a folder of its own."""
    options = {"init_command": "PRAGMA journal_mode=WAL"}
    settings = {"NAME": tmp_path / "db.sqlite3", "OPTIONS": options, "TIME_ZONE": None}
    defaults = {"AUTOCOMMIT": True, "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": False}
    wrapper = DatabaseWrapper({**defaults, "ATOMIC_REQUESTS": False, "TEST": {}, **settings})
    yield wrapper
    wrapper.close()


def store(database: Wrapper) -> None:
    """Store something, so that all files of the *database* exist."""
    with database.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS things (name TEXT)")
        cursor.execute("INSERT INTO things VALUES ('one')")


def test_new_files_are_private(tmp_path: Path, database: Wrapper) -> None:
    """The folder of local state has mode 700, and all files of the database have mode 600."""
    folder = tmp_path / "new" / "var"
    assert Environment({"VAR": str(folder)}).folder("VAR", tmp_path) == folder
    assert mode(folder) == "0o700"
    store(database)
    parts = {path.name.removeprefix("db.sqlite3"): mode(path) for path in tmp_path.glob("db*")}
    assert parts == dict.fromkeys(("", "-wal", "-shm", "-turnstile"), "0o600")


def test_another_connection_of_the_process_keeps_the_locks(
    tmp_path: Path, database: Wrapper
) -> None:
    """After a second connection of a process, other programs still see that the first is open."""
    store(database)
    second = database.copy()
    second.connect()
    # The last connection to a database removes its WAL.
    reader = (
        "import sqlite3, sys; other = sqlite3.connect(sys.argv[1]);"
        "other.execute('SELECT * FROM things').fetchall(); other.close()"
    )
    run([sys.executable, "-c", reader, str(tmp_path / "db.sqlite3")], check=True)
    assert (tmp_path / "db.sqlite3-wal").exists()
    store(database)
    second.close()


def test_files_of_earlier_versions_are_tightened(
    tmp_path: Path, database: Wrapper, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder and its files that others could read become private; the log says so, once."""
    path = tmp_path / "db.sqlite3"
    other = sqlite3.connect(path)
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("CREATE TABLE others (name TEXT)")
    for one in tmp_path.iterdir():
        one.chmod(0o644)
    (tmp_path / "set_aside.jsonl").touch(mode=0o644)
    tmp_path.chmod(0o755)
    with caplog.at_level(logging.WARNING, "feeds.private"):
        private.tighten_folder(tmp_path)
        private.tighten_folder(tmp_path)
    assert {mode(one) for one in tmp_path.iterdir()} == {"0o600"}
    assert mode(tmp_path) == "0o700"
    assert f"{path} was open to other users of this host (mode 644)" in caplog.text
    assert len(caplog.records) == 5
    store(database)
    assert {mode(one) for one in tmp_path.iterdir()} == {"0o600"}
    other.close()


def test_database_elsewhere_is_tightened(
    tmp_path: Path, database: Wrapper, caplog: pytest.LogCaptureFixture
) -> None:
    """A database outside the folder of local state becomes private when it is opened."""
    path = tmp_path / "db.sqlite3"
    path.touch()
    path.chmod(0o664)
    with caplog.at_level(logging.WARNING, "feeds.private"):
        store(database)
    assert mode(path) == "0o600"
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} was open to other users of this host (mode 664); now only its owner may use it"
    ]


@pytest.mark.parametrize("stranger", ["letters", ".bashrc"])
def test_folder_with_other_things_keeps_its_mode(tmp_path: Path, stranger: str) -> None:
    """A folder with other files, such as a home folder, stays open, as do these files."""
    for name in ("secret_key", stranger):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o644)
    tmp_path.chmod(0o755)
    private.tighten_folder(tmp_path)
    assert mode(tmp_path) == "0o755"
    assert mode(tmp_path / stranger) == "0o644"
    assert mode(tmp_path / "secret_key") == "0o600"


def test_link_keeps_its_target_as_it_is(tmp_path: Path) -> None:
    """A link is not followed: it may lead to anything."""
    target = tmp_path / "target"
    target.touch()
    target.chmod(0o644)
    (tmp_path / "secret_key").symlink_to(target)
    private.tighten_folder(tmp_path)
    assert mode(target) == "0o644"


def test_file_of_another_user_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If the mode cannot be changed, the program continues, and the log says so."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    path = tmp_path / "secret_key"
    path.touch()
    path.chmod(0o644)
    monkeypatch.setattr(Path, "chmod", refuse)
    with caplog.at_level(logging.WARNING, "feeds.private"):
        private.tighten(path)
    assert "(mode 644), which cannot be changed: Operation not permitted" in caplog.text
