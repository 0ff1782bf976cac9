"""
Values of settings, read from the environment before Django is set up.

An invalid value ends any program that imports the settings, with one sentence
and exit code 1. Checks that can wait for Django are in ``feeds.checks``. An
empty variable counts as not set.
"""

from __future__ import annotations

import os
import re
import secrets
import warnings
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, NoReturn

import environ
from django.core.exceptions import ImproperlyConfigured
from django.db.utils import load_backend

from feeds.core.prefix import LONGEST, path_prefix
from feeds.postgresql import limits

FLAGS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(
    ("false", "no", "off", "0"), False
)
"""The accepted words for yes and no."""
HOST = r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]"
ORIGIN = r"https?://[A-Za-z0-9_*.:\[\]-]+"
SQLITE = "feeds.sqlite"
POSTGRESQL = "feeds.postgresql"
OF_DJANGO = {
    "django.db.backends.postgresql": POSTGRESQL,
    "django.db.backends.sqlite3": SQLITE,
}
"""Django's engines, with ours that replace them."""
DRIVERS = {
    "postgresql": "-r locks/postgres.txt",
    "postgis": "-r locks/postgres.txt",
    "mysql": "mysqlclient",
    "oracle": "oracledb",
}
"""The package or requirements file with the driver, by the last part of the engine's name."""
CORS_ORIGIN = r"\*|https?://[A-Za-z0-9_.:\[\]-]+"
OPEN, TOKEN = ACCESS = "open", "token"
"""The clients that are admitted: all, or bearers of a token."""
WEBSOCKET_ORIGIN = rf"{CORS_ORIGIN}|null"
MOST_DAYS = 36_500
"""The most days: a century, which means for ever."""
MOST_WHOLE = 10**12
"""The highest number of rows, or megabytes, beyond any database."""
MOST_HSTS_SECONDS = 2 * 31_536_000
"""The most seconds of HSTS: two years, as browsers' preload lists recommend."""
SECRET_CHARACTERS = 32
"""The shortest key allowed: 190 bits, if this module generated it."""


class Environment:
    """The variables of this process, converted to the types of settings."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str, default: str) -> str:
        """Return the variable unchanged."""
        return self._variables.get(name) or default

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a yes or no as bool."""
        value = self.text(name, str(default))
        if value.lower() not in FLAGS:
            _refuse(f"{name}={_shown(value)}", f"one of: {', '.join(FLAGS)}")
        return FLAGS[value.lower()]

    def choice(self, name: str, default: str, allowed: Sequence[str]) -> str:
        """Return one of the *allowed* words, in lower case."""
        value = self.text(name, default)
        if value.lower() not in allowed:
            _refuse(f"{name}={_shown(value)}", f"one of: {', '.join(allowed)}")
        return value.lower()

    def hosts(self, name: str, default: str) -> list[str]:
        """Return host names from a comma-separated list."""
        return self._words(name, default, HOST, "host names without a port, separated by commas")

    def origins(self, name: str, default: str) -> list[str]:
        """Return origins from a comma-separated list."""
        rule = "origins such as https://feeds.example.org, separated by commas"
        return self._words(name, default, ORIGIN, rule)

    def cors_origins(self, name: str, default: str) -> list[str]:
        """Return origins, or ``*`` for all, from a comma-separated list."""
        rule = "* for all, or origins such as http://localhost:5173, separated by commas"
        return self._words(name, default, CORS_ORIGIN, rule)

    def networks(self, name: str, default: str) -> list[IPv4Network | IPv6Network]:
        """Return addresses and networks from a comma-separated list; none for ``none``."""
        value = self.text(name, default)
        if value.strip().lower() == "none":
            return []
        found = []
        for word in filter(None, map(str.strip, value.split(","))):
            try:
                found.append(ip_network(word))
            except ValueError:
                rule = "addresses or networks such as 10.0.0.0/8, separated by commas, or none"
                _refuse(f"{_shown(word)} in {name}", rule)
        return found

    def path_prefix(self, name: str) -> str:
        """Return the path below which the server is found; empty without one."""
        value = self.text(name, "")
        try:
            return path_prefix(value)
        except ValueError:
            rule = "a path such as /feeds, of letters, digits and . _ ~ - between slashes"
            _refuse(f"{name}={_shown(value)}", f"{rule}, at most {LONGEST} characters")

    def websocket_origins(self, name: str, default: str) -> list[str]:
        """Return origins, ``null`` or ``*`` for all, from a comma-separated list."""
        rule = "* for all, null, or origins such as https://app.example.org, separated by commas"
        return self._words(name, default, WEBSOCKET_ORIGIN, rule)

    def is_set(self, name: str) -> bool:
        """Tell whether the variable has a value."""
        return bool(self.text(name, ""))

    def days(self, name: str, default: int) -> int:
        """Return a number of days."""
        return self._whole(name, default, 1, MOST_DAYS, "days")

    def seconds(self, name: str, default: int) -> int:
        """Return a number of seconds; 0: off."""
        return self._whole(name, default, 0, MOST_HSTS_SECONDS, "seconds")

    def _whole(self, name: str, default: int, least: int, most: int, unit: str) -> int:
        value = self.text(name, str(default))
        is_number = value.isascii() and value.isdigit() and len(value) <= len(str(most))
        if not is_number or not least <= int(value) <= most:
            rule = f"a whole number of {unit} from {least} to {most}"
            _refuse(f"{name}={_shown(value)}", rule)
        return int(value)

    def whole(self, name: str, default: int) -> int:
        """Return a whole number of at least 1."""
        value = self.text(name, str(default))
        is_number = value.isascii() and value.isdigit() and len(value) <= len(str(MOST_WHOLE))
        if not is_number or not 1 <= int(value) <= MOST_WHOLE:
            _refuse(f"{name}={_shown(value)}", f"a whole number from 1 to {MOST_WHOLE}")
        return int(value)

    def folder(self, name: str, default: Path) -> Path:
        """Return a folder that this process can write to; created if necessary."""
        path = Path(self.text(name, str(default)))
        try:
            path = path.resolve()
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or "its symbolic links form a loop"
            _refuse(f"{name}={_shown(str(path))}", f"another folder to keep files in ({reason})")
        if not os.access(path, os.W_OK | os.X_OK):
            _refuse(f"{name}={_shown(str(path))}", "a folder that this user can write to")
        return path

    def database(self, name: str, default: Path) -> dict[str, Any]:
        """Return Django's settings for a database; *default* is the SQLite file."""
        url = self.text(name, "")
        if not url:
            # No URL here: #, ? and % in a path would have a special meaning.
            return {"ENGINE": SQLITE, "NAME": str(default)}
        # Messages never repeat the address: it may contain a password.
        example = "an address such as sqlite:////PATH or postgres://USER:PASSWORD@HOST/NAME"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # its text contains the address
                parsed = environ.Env.db_url_config(url)
            database: dict[str, Any] = {"NAME": "", **parsed}
            database["ENGINE"] = OF_DJANGO.get(database["ENGINE"], database["ENGINE"])
            load_backend(database["ENGINE"])
        except (KeyError, ValueError):
            _refuse(name, example)
        except (ImproperlyConfigured, ImportError) as error:
            driver = DRIVERS.get(database["ENGINE"].rpartition(".")[2])
            if driver and any(
                isinstance(cause, ImportError) for cause in (error, error.__context__)
            ):
                raise SystemExit(
                    f"{name} names a database whose driver is not installed; "
                    f"run: pip install {driver}"
                ) from None
            reason = str(error).splitlines()[0].split(". ", 1)[0]
            _refuse(name, f"{example} ({reason})")
        if database["ENGINE"] == SQLITE:
            folder = Path(database["NAME"]).parent
            if not os.access(folder, os.W_OK | os.X_OK):
                _refuse(name, f"a file in another folder: this user cannot write to {folder}")
        if database["ENGINE"] == POSTGRESQL:
            database["OPTIONS"] = limits.options(database.get("OPTIONS", {}))
        return database

    def _words(self, name: str, default: str, pattern: str, rule: str) -> list[str]:
        words = [word.strip() for word in self.text(name, default).split(",") if word.strip()]
        for word in words:
            if not re.fullmatch(pattern, word):
                _refuse(f"{_shown(word)} in {name}", rule)
        return words


def secret_key(path: Path) -> str:
    """
    Return the secret key in *path*, generated on first use with mode 600.

    Two processes that start together get the same key: the first to link its
    file wins.
    """
    try:
        if not path.exists():
            _make_secret_key(path)
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"the secret key in {path} cannot be read or created: {error}") from None
    if len(key) < SECRET_CHARACTERS:
        raise SystemExit(
            f"the secret key in {path} has {len(key)} characters; it must have at least "
            f"{SECRET_CHARACTERS}. Remove the file to have a new one generated"
        )
    return key


def _make_secret_key(path: Path) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(50), encoding="ascii")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _shown(value: str) -> str:
    return ascii(value[:80])


def _refuse(what: str, allowed: str) -> NoReturn:
    raise SystemExit(f"{what} is not allowed; use {allowed}")
