"""``manage.py doctor``: each problem is found, with what to do about it."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

from feeds.core.limits import LIMITS
from feeds.doctor import database, generators, surroundings
from feeds.doctor.examination import examine
from feeds.doctor.finding import COLUMNS, Finding, State, warning
from feeds.fanout import passes
from feeds.models import Feed, Sample
from feeds.storing.retention import KINDS
from tests.integration.test_admin_dashboard import sample
from tests.support.database import locked
from tests.support.stack import free_port

LOCAL = "127.0.0.1"


def problem(findings: Iterator[Finding], part: str) -> Finding:
    """Return the finding about *part*, which must not be good and must name a remedy."""
    (found,) = [one for one in findings if one.part == part]
    assert found.state is not State.GOOD
    assert found.fix.endswith(".") or ": " in found.fix
    return found


@contextmanager
def database_at(path: Path) -> Iterator[None]:
    """Let Django use the database at *path*."""
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = str(path)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    """Return the test's own folder for local state."""
    settings.VAR_DIR = tmp_path
    tmp_path.chmod(0o755)
    return tmp_path


def test_failing_check_of_settings(settings: Settings) -> None:
    """A check of Django's or ours is a finding with its hint."""
    settings.REDIS_URL = "nonsense"
    found = problem(surroundings.examine_settings(), "settings")
    assert found.state is State.WRONG
    assert found.fix == "Leave REDIS_URL unset for the embedded server."


def test_debug_on_a_public_address(settings: Settings) -> None:
    """DEBUG is wrong on a public address, and a warning on this host."""
    settings.DEBUG, settings.ALLOWED_HOSTS = True, ["feeds.example.org"]
    public = problem(surroundings.examine_address("0.0.0.0", free_port()), "DEBUG")
    assert (public.state, public.fix) == (State.WRONG, "Set DEBUG=false.")
    for host in (LOCAL, "localhost"):
        local = problem(surroundings.examine_address(host, free_port()), "DEBUG")
        assert local.state is State.WARNING


def test_public_address_without_hosts(settings: Settings) -> None:
    """With only the default hosts, no other host gets a page."""
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
    found = problem(surroundings.examine_address("0.0.0.0", free_port()), "hosts")
    assert found.fix == "Set ALLOWED_HOSTS to its public names."


def test_port_of_another_program() -> None:
    """A port is wrong if another program uses it, even one that does not answer."""
    with socket.create_server((LOCAL, 0)) as holder:
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(surroundings, "ANSWER_SECONDS", 0.1)
            found = problem(surroundings.examine_address(LOCAL, port), "address")
    assert found.text.startswith(f"cannot listen at {LOCAL}:{port}: ")


def test_folder_that_others_may_change(folder: Path) -> None:
    """A folder that others may write to is reported with the command that corrects it."""
    folder.chmod(0o777)
    assert problem(surroundings.examine_folder(), "folder").fix == f"Run: chmod go-w {folder}"


@pytest.mark.parametrize("name", surroundings.SECRETS)
def test_secret_that_others_may_read(folder: Path, name: str) -> None:
    """Only its owner may read a file with secrets."""
    (folder / name).touch(mode=0o644)
    found = problem(surroundings.examine_folder(), "folder")
    assert found.fix == f"Run: chmod 600 {folder / name}"
    (folder / name).chmod(0o600)
    assert {one.state for one in surroundings.examine_folder()} == {State.GOOD}


@pytest.mark.parametrize(
    ("free", "state"), [(9e8, State.WARNING), (9e7, State.WRONG), (9e9, State.GOOD)]
)
def test_full_disk(monkeypatch: pytest.MonkeyPatch, free: float, state: State) -> None:
    """Little free space is a warning, and hardly any is wrong."""
    usage = SimpleNamespace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)
    assert [one.state for one in surroundings.examine_folder() if one.part == "disk"] == [state]


@pytest.mark.parametrize("most", [4096, LIMITS.connections])
def test_few_open_files(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """A hard limit that leaves no room for all clients and the rest is named."""
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (1024, most))
    found = problem(surroundings.examine_process(), "open files")
    assert found.text.startswith(f"a process may open {most:,},")


def test_missing_compiled_pass(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Without the compiled code, or with the setting that avoids it, there is a warning."""
    monkeypatch.setattr(surroundings, "best_pass", lambda: passes.python_pass)
    found = problem(surroundings.examine_process(), "compiled pass")
    assert found.fix.endswith("python -m tools.compile")
    settings.COMPILED_PASS = False
    assert "COMPILED_PASS" in problem(surroundings.examine_process(), "compiled pass").text


def test_layer_that_does_not_answer(settings: Settings) -> None:
    """The layer's server is asked, and its absence is wrong."""
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}"
    assert problem(generators.examine_layer(), "channel layer").state is State.WRONG


@pytest.mark.django_db
def test_missing_migration() -> None:
    """A table that is missing is named with the command that creates it."""
    MigrationRecorder.Migration.objects.filter(app="feeds").order_by("-id")[0].delete()
    found = problem(database.examine_database(), "tables")
    assert (found.text, found.fix) == (
        "1 migration is missing",
        "Run: python manage.py migrate",
    )


@pytest.mark.sqlite("the lock of a file")
@pytest.mark.django_db(transaction=True)
def test_locked_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that another program has locked accepts no change."""
    monkeypatch.setattr(database, "LOCK_MILLISECONDS", 10)
    with locked():
        found = problem(database.examine_database(), "writing")
    assert "locked" in found.text


@pytest.mark.sqlite("the file of a database")
@pytest.mark.django_db(transaction=True)
def test_damaged_database(tmp_path: Path) -> None:
    """Damage in the file is found; a whole file is called whole."""
    (whole,) = [one for one in database.examine_database() if one.part == "integrity"]
    assert whole.text == "the file is whole"
    path = tmp_path / "db.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM INTO '{path}'")
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    content[4 * size : 12 * size] = os.urandom(8 * size)
    path.write_bytes(content)
    with database_at(path):
        assert any(one.state is State.WRONG for one in database.examine_database())


@pytest.mark.django_db
def test_data_beyond_its_time(settings: Settings) -> None:
    """Data that `prune` should have deleted is a warning."""
    assert [one.state for one in database.examine_retention()] == [State.GOOD]
    sample(datetime.now(UTC) - timedelta(days=settings.KEEP_SAMPLES_DAYS + 3))
    found = problem(database.examine_retention(), "retention")
    assert (found.text, found.fix) == (
        f"samples are older than {settings.KEEP_SAMPLES_DAYS} days",
        "Run manage.py prune each night.",
    )
    assert "samples" in KINDS


@pytest.mark.django_db
def test_clock_that_was_set_back() -> None:
    """A clock behind the stored history is wrong."""
    assert [one.state for one in database.examine_clock()] == [State.GOOD]
    sample(datetime.now(UTC) + timedelta(hours=1))
    assert "but the stored history ends at" in problem(database.examine_clock(), "clock").text
    Sample.objects.all().delete()


@pytest.mark.usefixtures("default_feeds")
@pytest.mark.django_db(transaction=True)
def test_feeds_without_a_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Feeds that are free, have a dead generator, or one with a wrong clock are distinguished."""
    monkeypatch.setattr(generators, "SILENT_SECONDS", 0.05)
    monkeypatch.setattr(generators, "LOOK_SECONDS", 0.01)
    Feed.objects.filter(name="users").update(promised_us=0)
    Feed.objects.filter(name="arrays").update(promised_us=1)
    found = {one.part: one.text for one in generators.examine_feeds()}
    assert found == {
        "feed arrays": "its generator promises nothing",
        "feed users": "it has no generator",
    }
    Feed.objects.update(enabled=False)
    assert problem(generators.examine_feeds(), "feeds").text == "none is switched on"


@pytest.mark.usefixtures("default_feeds")
@pytest.mark.django_db(transaction=True)
def test_generator_with_a_wrong_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A generator at work is good, unless its clock differs."""
    Feed.objects.exclude(name="users").update(enabled=False)
    offsets = iter(range(1, 10_000))

    def promise(ahead: float) -> None:
        now = time.time() + ahead
        Feed.objects.filter(name="users").update(promised=next(offsets), promised_us=int(now * 1e6))

    for ahead, state in ((0.5, State.GOOD), (60.0, State.WRONG)):
        promise(ahead)
        sleeping = SimpleNamespace(
            monotonic=time.monotonic,
            time=time.time,
            sleep=lambda _seconds, ahead=ahead: promise(ahead),
        )
        monkeypatch.setattr(generators, "time", sleeping)
        assert [one.state for one in generators.examine_feeds()] == [state]


def test_lines_fit_a_terminal() -> None:
    """Each line has at most 80 columns; the remedy is below the problem."""
    lines = str(warning("disk", "few bytes " * 20, "Delete something. " * 20)).splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert lines[0].startswith("warning  disk: few bytes")
    assert all(line.startswith(" " * 9) for line in lines[1:])


@pytest.mark.django_db
def test_missing_tables_end_the_examination() -> None:
    """Without tables, stored data is not examined; everything else is."""
    MigrationRecorder.Migration.objects.filter(app="feeds").order_by("-id")[0].delete()
    parts = [one.part for one in examine(LOCAL, free_port())]
    assert parts[-1] == "tables"
    assert {"settings", "address", "folder", "disk", "channel layer"} <= {*parts}


@pytest.mark.usefixtures("default_feeds")
@pytest.mark.django_db(transaction=True)
def test_command_exits_with_1_if_something_is_wrong(settings: Settings) -> None:
    """The command prints all findings and their number; the exit code says whether one is wrong."""
    Feed.objects.update(enabled=False)
    settings.DEBUG = False
    out = StringIO()
    call_command("doctor", f"--bind={LOCAL}:{free_port()}", stdout=out)
    assert "0 problems, " in out.getvalue()
    settings.REDIS_URL = "nonsense"
    with pytest.raises(SystemExit, match="1"):
        call_command("doctor", f"--bind={LOCAL}:{free_port()}", stdout=out)
