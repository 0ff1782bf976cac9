"""Other environments than this one: the client lifted out, the sources made anew."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from feeds.sources import make_source
from tests.support.judge import judge
from tests.support.stack import CHECKOUT, Stack
from tests.support.venv import make_venv, without_checkout

SOURCE_PACKAGES = ("faker", "numpy", "orjson")
SPECS = {
    "users": [{}, {"locale": "de_DE"}],
    "arrays": [{}, {"shape": [2, 3], "distribution": "normal", "mean": 5, "deviation": 2}],
}
FIRST, COUNT = 1_000_000, 300
PROGRAM = f"""
import hashlib, importlib.util
from feeds.sources import make_source
assert importlib.util.find_spec("django") is None
for kind, specs in {SPECS!r}.items():
    for spec in specs:
        source = make_source(kind, spec, 3)
        lines = b"\\n".join(source.records({FIRST}, {COUNT}))
        print(kind, source.epoch, hashlib.sha256(lines).hexdigest())
"""


def copy_of(part: str, folder: Path) -> Path:
    """Copy a package of the checkout into *folder*; return where it is."""
    copied = folder / part
    shutil.copytree(CHECKOUT / part, copied, ignore=shutil.ignore_patterns("__pycache__"))
    return copied


def pinned(*packages: str) -> list[str]:
    """Return the requirements of *packages*, as they are pinned here."""
    lines = (CHECKOUT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("#")[0].strip() for line in lines]
    return [pin for pin in pins if pin.split("==")[0].lower() in packages]


@pytest.mark.parametrize("name", ["clientapp", "my client"])
def test_client_alone(name: str, stack: Stack, tmp_path: Path) -> None:
    """The client's folder and its own requirements are all that a client needs."""
    elsewhere = copy_of("clientapp", tmp_path / "elsewhere").rename(tmp_path / name)
    python = make_venv(tmp_path / "venv", "-r", str(elsewhere / "requirements.txt"))
    missing = subprocess.run(
        [python, "-c", "import django"], capture_output=True, text=True, check=False
    )
    assert "No module named 'django'" in missing.stderr
    stack.server()
    stack.generator("--rate=50")
    finished = subprocess.run(
        [
            python,
            str(elsewhere / "client.py"),
            f"--url={stack.url}",
            "--name=alice",
            "--feed=users",
            "--feed=arrays",
            "--select=name,country",
            "--block-size=7",
            "--blocks=5",
        ],
        cwd=tmp_path,
        env=without_checkout(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    session = judge(tmp_path / "logs" / "alice.log")
    assert len(session.blocks) == 5
    assert session.asked["select"] == ["name", "country"]
    assert stack.rows("SELECT count(*) FROM feeds_blockreport") == [(5,)]


def test_sources_in_another_environment(tmp_path: Path) -> None:
    """Python with nothing but the pinned libraries makes the same bytes and epochs."""
    requirements = pinned(*SOURCE_PACKAGES)
    assert len(requirements) == len(SOURCE_PACKAGES)
    python = make_venv(tmp_path / "venv", *requirements)
    copy_of("feeds/sources", tmp_path)
    (tmp_path / "feeds" / "__init__.py").touch()
    finished = subprocess.run(
        [python, "-c", PROGRAM],
        cwd=tmp_path,
        env=without_checkout(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stderr
    expected = []
    for kind, specs in SPECS.items():
        for spec in specs:
            source = make_source(kind, spec, 3)
            lines = b"\n".join(source.records(FIRST, COUNT))
            expected.append(f"{kind} {source.epoch} {hashlib.sha256(lines).hexdigest()}")
    assert finished.stdout.splitlines() == expected
