"""Settings from the environment: invalid ones end with a sentence."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core.checks import run_checks
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from feeds.conf import Environment, secret_key
from tests.support.forks import run
from tools.waiting import PATIENCE_SECONDS

CHECKOUT = Path(__file__).parents[2]
BACKENDS = ("feeds.postgresql.", "django.db.backends.postgresql", "django.db.backends.oracle")
EXAMPLE = "an address such as sqlite:////PATH or postgres://USER:PASSWORD@HOST/NAME"


def manage(*command: str, **variables: str) -> tuple[int, str]:
    """Run a command of manage.py; return its exit code and its stderr."""
    done = run(
        [sys.executable, "manage.py", *command],
        cwd=CHECKOUT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"BLOCKFEED_VAR": __file__}, "use another folder to keep files in (File exists)"),
        (
            {"BLOCKFEED_VAR": "/tmp/" + "x" * 300},
            "another folder to keep files in (File name too long)",
        ),
        ({"DEBUG": "maybe"}, "is not allowed; use one of: true, yes, on, 1, false, no, off, 0"),
        ({"BEHIND_TLS_PROXY": "nginx"}, "BEHIND_TLS_PROXY='nginx' is not allowed; use"),
        ({"ALLOWED_HOSTS": "a, b c"}, "'b c' in ALLOWED_HOSTS is not allowed; use host names"),
        ({"CSRF_TRUSTED_ORIGINS": "a.example"}, "'a.example' in CSRF_TRUSTED_ORIGINS is not"),
        ({"CORS_ALLOWED_ORIGINS": "a.example"}, "'a.example' in CORS_ALLOWED_ORIGINS is not"),
        ({"DATABASE_URL": "secret"}, f"DATABASE_URL is not allowed; use {EXAMPLE}"),
        ({"DATABASE_URL": "foo://secret/x"}, f"DATABASE_URL is not allowed; use {EXAMPLE}"),
        (
            {"DATABASE_URL": "sqlite:////nowhere/x"},
            "another folder: this user cannot write to /nowhere",
        ),
        ({"KEEP_SAMPLES_DAYS": "0"}, "KEEP_SAMPLES_DAYS='0' is not allowed; use a whole number"),
        ({"METRICS": "10.0.0.1/8"}, "'10.0.0.1/8' in METRICS is not allowed; use addresses or"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT='xml' is not allowed; use one of: short, long, json"),
        ({"LOG_LEVEL": "loud"}, "'loud' is not allowed; use one of: debug, info, warning, error"),
        ({"REDIS_URL": "secret"}, "(feeds.E001) REDIS_URL must be 'embedded' or an address"),
        ({"SECRET_KEY": "secret", "DEBUG": "no"}, "(feeds.E002) SECRET_KEY has 6 characters"),
        ({"HTTPS_REDIRECT": "yes"}, "(feeds.E003) HTTPS_REDIRECT and HSTS_SECONDS need BEHIND_TLS"),
        ({"HSTS_SECONDS": "60"}, "(feeds.E003) HTTPS_REDIRECT and HSTS_SECONDS need BEHIND_TLS"),
        ({"HSTS_SECONDS": "-1"}, "HSTS_SECONDS='-1' is not allowed; use a whole number of sec"),
    ],
    ids=range(19),
)
def test_invalid_value_ends_the_program(variables: dict[str, str], sentence: str) -> None:
    """The program prints one sentence without secrets or traceback and exits with 1."""
    code, said = manage("check", **variables)
    assert code == 1
    assert sentence in said
    assert "Traceback" not in said
    assert "secret" not in said


@pytest.mark.sqlite("the file of a database")
def test_file_that_is_not_a_database_is_reported(tmp_path: Path) -> None:
    """A command of Django also ends with a sentence."""
    path = tmp_path / "db.sqlite3"
    path.touch(mode=0o600)
    path.write_text("Dear diary")
    code, said = manage("migrate", BLOCKFEED_VAR=str(tmp_path))
    assert (code, said) == (
        1,
        "the database failed: file is not a database; --traceback shows where\n",
    )


@pytest.mark.sqlite("the file of a database")
@pytest.mark.parametrize("name", ["feed#1", "a?b", "a%20b", "C# work", "a&b=c;d"])
def test_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    """The database is in the named folder, and its URL can be written."""
    assert manage("migrate", "--plan", BLOCKFEED_VAR=str(tmp_path / name))[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "db.sqlite3").exists()
    url = f"sqlite:///{quote(str(tmp_path / name / 'other'))}"
    database = Environment({"DATABASE": url}).database("DATABASE", tmp_path)
    assert database["NAME"] == str(tmp_path / name / "other")


@pytest.mark.parametrize("scheme", ["postgres", "oracle"])
def test_missing_driver_is_named(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence has the command that installs the driver, and no password."""
    for module in ("psycopg", "psycopg2", "oracledb"):
        monkeypatch.setitem(sys.modules, module, None)
    for name in [name for name in sys.modules if name.startswith(BACKENDS)]:
        monkeypatch.delitem(sys.modules, name)
    driver = {"postgres": "-r locks/postgres.txt", "oracle": "oracledb"}[scheme]
    with pytest.raises(SystemExit) as refused:
        Environment({"NAME": f"{scheme}://user:secret@host/x"}).database("NAME", Path("db"))
    assert str(refused.value) == (
        f"NAME names a database whose driver is not installed; run: pip install {driver}"
    )


def test_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    """An empty variable means the default."""
    env = Environment(dict.fromkeys(("FOLDER", "FLAG", "HOSTS", "TEXT", "DATABASE"), ""))
    assert env.folder("FOLDER", tmp_path / "new") == tmp_path / "new"
    assert env.flag("FLAG", default=True) is True
    assert env.hosts("HOSTS", "a,[::1]") == ["a", "[::1]"]
    assert env.text("TEXT", "embedded") == "embedded"
    assert env.database("DATABASE", tmp_path / "db")["NAME"] == str(tmp_path / "db")


words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(words | st.from_regex(r"(sqlite|postgres|mysql|x)://[^\0]*", fullmatch=True))
def test_any_value_is_read_or_refused(value: str) -> None:
    """Any value of a variable is read or refused with a sentence on one line."""
    env = Environment({"NAME": value})
    for read in (
        lambda: env.flag("NAME", default=False),
        lambda: env.hosts("NAME", ""),
        lambda: env.origins("NAME", ""),
        lambda: env.cors_origins("NAME", ""),
        lambda: env.database("NAME", Path("db")),
    ):
        try:
            read()
        except SystemExit as refused:
            assert str(refused).isprintable()  # noqa: PT017  most values are refused


def test_secret_key_is_made_once(tmp_path: Path) -> None:
    """The key is kept, and only its owner can read it."""
    path = tmp_path / "key"
    assert secret_key(path) == secret_key(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_empty_secret_key_is_refused(tmp_path: Path) -> None:
    """An empty key file protects nothing, so it is refused."""
    path = tmp_path / "key"
    path.touch()
    with pytest.raises(SystemExit, match="has 0 characters; it must have at least 32"):
        secret_key(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(SystemExit, match="cannot be read or created"):
        secret_key(path)


def test_default_settings_pass_the_checks(settings: Settings) -> None:
    """Default settings are accepted; with DEBUG on a short key is as well."""
    settings.SECRET_KEY = "short"
    settings.DEBUG = True
    assert [message.id for message in run_checks()] == []


def test_installations_have_cookies_of_their_own(tmp_path: Path) -> None:
    """Browsers share cookies between ports: another folder for data means other names."""
    names = (
        "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME)"
    )
    found = []
    for folder in ("one", "two", "one"):
        code, said = manage("shell", "-v0", "-c", names, BLOCKFEED_VAR=str(tmp_path / folder))
        assert code == 0, said
        found.append(said.split())
    assert found[0] == found[2]
    assert not set(found[0]) & set(found[1])
