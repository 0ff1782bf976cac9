"""
JavaScript packages that tests use, as ``tests/npm/package-lock.json`` fixes them.

They are installed once per checkout, into the folder ``build``, with npm.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from tools.waiting import PATIENCE_SECONDS

CHECKOUT = Path(__file__).resolve().parents[2]
WANTED = CHECKOUT / "tests" / "npm"
FILES = "package.json", "package-lock.json"


def modules() -> Path:
    """Return the folder ``node_modules`` with all packages; skips the test if npm cannot."""
    try:
        return _installed()
    except MissingError as missing:
        pytest.skip(str(missing))


class MissingError(Exception):
    """The packages cannot be installed."""


@cache
def _installed() -> Path:
    contents = b"".join((WANTED / name).read_bytes() for name in FILES)
    folder = CHECKOUT / "build" / f"npm-{hashlib.sha256(contents).hexdigest()[:8]}"
    folder.parent.mkdir(exist_ok=True)
    # Several test processes may need the packages at the same time.
    with folder.with_suffix(".lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _install(folder)
    return folder / "node_modules"


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise MissingError("npm is not installed")
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        place = Path(name) / "npm"
        place.mkdir()
        for file in FILES:
            shutil.copy(WANTED / file, place)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(place)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
        )
        if done.returncode != 0:
            raise MissingError(f"npm cannot install the packages: {done.stderr[-200:]}")
        place.rename(folder)  # whole, even if this process is killed
