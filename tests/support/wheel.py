"""The package as users get it: a wheel, installed into an environment of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.guardian import mark
from tests.support.stack import CHECKOUT
from tests.support.venv import PATIENCE_SECONDS, without_checkout

UV = Path(sys.executable).with_name("uv")
INDEX = ("PIP_", "SSL_CERT_", "UV_")


def uv(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """
    Run uv with *variables* in its environment.

    Skip the test with its message if it is missing or finds no packages.
    """
    if not UV.exists():
        pytest.skip("uv is not installed")
    done = subprocess.run(
        [UV, *arguments],
        env={**os.environ, **mark(), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    if re.search("Failed to fetch|was not found in the package registry", done.stderr):
        pytest.skip(f"uv finds no packages: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr
    return done


def build(folder: Path, **variables: str) -> Path:
    """
    Build the wheel into *folder*, from a copy of the checkout's files; return it.

    *variables* are added to the environment.
    """
    copy = folder / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("clientapp", "examples", "feeds", "packaging", "templates", "tools", "wsproject"):
        shutil.copytree(CHECKOUT / name, copy / name, ignore=ignore)
    shutil.copytree(CHECKOUT / "docs" / "reference", copy / "docs" / "reference")
    for pattern in ("*.md", "*.py", "*.toml", "*.txt", "LICENSE"):
        for file in CHECKOUT.glob(pattern):
            shutil.copy(file, copy)
    uv("build", "--quiet", "--wheel", "--out-dir", str(folder), str(copy), **variables)
    [wheel] = folder.glob("*.whl")
    return wheel


class Installed:
    """A virtual environment with the wheel, and an empty folder to work in."""

    def __init__(self, wheel: Path, folder: Path, *extra: str, python: str = "") -> None:
        self.wheel = wheel
        self.folder = folder / "empty"
        self.folder.mkdir(parents=True)
        venv = folder / "venv"
        uv("venv", "--quiet", "--python", python or sys.executable, str(venv))
        self.bin = venv / "bin"
        self.python = self.bin / "python"
        uv("pip", "install", "--quiet", "--python", str(self.python), str(wheel), *extra)

    @property
    def environment(self) -> dict[str, str]:
        """An environment with settings of another project."""
        foreign = {
            "DATABASE_URL": f"sqlite:///{self.folder}/foreign.sqlite3",
            "DJANGO_SETTINGS_MODULE": "foreign.settings",
            "SECRET_KEY": "foreign",
            "TMPDIR": str(self.temporary),
        }
        # uv and pip find packages by these.
        index = {name: os.environ[name] for name in os.environ if name.startswith(INDEX)}
        others = without_checkout()
        path = f"{self.bin}{os.pathsep}{others['PATH']}"
        return {**others, **index, **foreign, "PATH": path, "PIPX_HOME": f"{self.folder}-pipx"}

    @property
    def temporary(self) -> Path:
        """The folder for temporary files."""
        folder = self.folder.parent / "tmp"
        folder.mkdir(exist_ok=True)
        return folder

    def run(self, *command: str, good_code: int = 0) -> str:
        """Run a program of the environment in the empty folder; return its output."""
        done = subprocess.run(
            [self.bin / command[0], *command[1:]],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == good_code, done.stdout + done.stderr
        return done.stdout


def processes(folder: Path) -> list[str]:
    """Return the processes whose environment or command names *folder*."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            said = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            if str(folder).encode() in said and int(entry.name) != os.getpid():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found
