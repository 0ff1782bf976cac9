"""The checker of Prometheus."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tools.waiting import PATIENCE_SECONDS


def promtool(*arguments: str, given: str = "") -> tuple[int, str]:
    """Run promtool with *given* as input; return its exit code and output. Skips without it."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run(
        [program, *arguments],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    return done.returncode, done.stdout
