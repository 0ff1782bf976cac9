"""
A copy of the application with its folder for data, as `tools.run` uses it.

The copy is the checkout, or the one inside the installed package, whose launcher sets
``BLOCKFEED_PROGRAM`` to the command that people type.
"""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

CHECKOUT = Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("BLOCKFEED_PROGRAM", "")
"""The command of the installed package; empty in a checkout."""
COMMANDS = {
    "generate": ("manage.py", "generate"),
    "serve": ("manage.py", "serve"),
    "client": ("clientapp/client.py",),
}
"""The arguments of Python for each command of the package."""
OTHER_PASSWORD = 3
"""The exit code of `tools.prepare` if the account has another password."""


class CannotStart(Exception):
    """A preparation failed; the sentence says which."""


class Installation:
    """The application with the folder *var* for its database, passwords and logs."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.password = var / "admin_password"

    def again(self, name: str, *options: str) -> str:
        """Return the shell command that runs a command of `COMMANDS` on the same data."""
        if PROGRAM:
            place = [] if name == "client" else ["--var", str(self.var)]
            return shlex.join([PROGRAM, name, *place, *options])
        var = os.environ.get("BLOCKFEED_VAR")
        place = [f"BLOCKFEED_VAR={shlex.quote(var)}"] if var else []
        python = shlex.join([shown(Path(sys.executable)), *COMMANDS[name], *options])
        return " ".join([*place, python])

    def log_path(self, client: str) -> Path:
        """Return the path of the block log of *client*."""
        return self.var / "logs" / f"{client}.log"

    def prepare(self, password: str | None = None) -> bool:
        """
        Create or update the tables, and the account ``admin`` if there is a *password*.

        Return False if the account has another password. Raises CannotStart.
        """
        given = {} if password is None else {"DJANGO_SUPERUSER_PASSWORD": password}
        result = subprocess.run(
            [sys.executable, "-m", "tools.prepare"],
            cwd=CHECKOUT,
            env={**os.environ, "BLOCKFEED_VAR": str(self.var), **given},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            process_group=0,
        )
        if result.returncode not in (0, OTHER_PASSWORD):
            raise CannotStart(f"the database could not be prepared:\n{result.stderr.strip()}")
        return result.returncode == 0

    def prepare_with_admin(self) -> str | None:
        """
        Do `prepare`; return the password of ``admin``, which is generated on first use.

        None if the account has a different password from the stored one, for instance
        because it was changed. Raises CannotStart.
        """
        try:
            self.var.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.password.exists():
                self.password.touch(mode=0o600)
            password = self.password.read_text(encoding="ascii").strip()
            is_new = not password
            if is_new:
                password = secrets.token_urlsafe(12)
                self.password.write_text(f"{password}\n", encoding="ascii")
        except OSError as error:
            raise CannotStart(f"{self.var} cannot keep data: {error.strerror}") from None
        if self.prepare(password):
            return password
        if is_new:
            self.password.unlink()
        return None


@contextmanager
def installation(var: str | None) -> Iterator[Installation]:
    """
    Yield an installation with its data in the folder *var*.

    None: the folder in ``BLOCKFEED_VAR``; else ``var`` of a checkout, or, for the
    installed package, a temporary folder that is removed at the end.
    """
    var = var or os.environ.get("BLOCKFEED_VAR")
    if var:
        yield Installation(Path(var).resolve())
    elif PROGRAM:
        with TemporaryDirectory(prefix="blockfeed-", ignore_cleanup_errors=True) as folder:
            yield Installation(Path(folder).resolve())
    else:
        yield Installation(CHECKOUT / "var")


def shown(path: Path) -> str:
    """Return *path*, relative to the checkout if it is inside."""
    if PROGRAM:
        return str(path)
    return str(path.relative_to(CHECKOUT) if path.is_relative_to(CHECKOUT) else path)
