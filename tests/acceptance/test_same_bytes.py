"""The same recipe makes the same bytes in every environment."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.stack import CHECKOUT
from tests.support.venv import make_venv

DIGEST = """
import hashlib
from feeds.core.lines import make_lines
from feeds.core.schedule import Recipe, Segment
from feeds.sources import make_source
for kind in ("users", "arrays"):
    source = make_source(kind, {}, 7)
    segment = Segment(Recipe(kind, "{}", 7), source.epoch, 1, 1_790_000_000_000_000, 1000)
    lines = make_lines(kind, segment, 1, source.records(1, 5000))
    print(kind, source.epoch, hashlib.sha256(b"\\n".join(lines)).hexdigest())
"""
NEEDED = ("Faker", "numpy", "orjson")


def digest(python: str) -> str:
    """Return an interpreter's digest for seed 7, with a line for each kind."""
    done = subprocess.run(
        [python, "-c", DIGEST], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_second_environment_makes_the_same_bytes(tmp_path: Path) -> None:
    """A new environment with the pinned packages makes the same lines."""
    requirements = (CHECKOUT / "requirements.txt").read_text(encoding="utf-8")
    pins = re.findall(rf"^(?:{'|'.join(NEEDED)})==\S+", requirements, re.MULTILINE)
    assert len(pins) == len(NEEDED)
    python = make_venv(tmp_path / "venv", *pins)
    here = digest(sys.executable)
    assert here.startswith("users ")
    assert digest(str(python)) == here
