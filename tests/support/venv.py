"""A separate virtual environment with exactly the packages a test requests."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.support.guardian import mark

PATIENCE_SECONDS = 300.0
"""For downloads; it only ends tests that would fail anyway."""


def make_venv(folder: Path, *requirements: str) -> Path:
    """
    Make a virtual environment with *requirements*; return its Python.

    *requirements* are arguments of ``pip install``. Skips the test with pip's message if they are
    not available.
    """
    # This environment's pip can also install there; copying pip takes three seconds.
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    pip += ["--disable-pip-version-check", "--no-input"]
    installed = subprocess.run(
        [*pip, "install", "--quiet", "--no-compile", "--only-binary", ":all:", *requirements],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    if installed.returncode != 0:
        pytest.skip(f"pip cannot install {' '.join(requirements)}: {installed.stderr[-300:]}")
    return python


def without_checkout() -> dict[str, str]:
    """Return an environment in which a Python finds only its own packages."""
    path = os.pathsep.join(
        folder for folder in os.get_exec_path() if Path(folder) != Path(sys.executable).parent
    )
    kept = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
    return {**kept, **mark(), "PATH": path, "PYTHONUNBUFFERED": "1"}
