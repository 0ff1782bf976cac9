"""The client alone: its folder in another place, with only its own requirements."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.judge import judge
from tests.support.stack import CHECKOUT, Stack
from tests.support.venv import make_venv, without_checkout
from tools.waiting import PATIENCE_SECONDS


def test_copied_client_needs_only_its_requirements(stack: Stack, tmp_path: Path) -> None:
    """A copy of the client under any name works with its own requirements."""
    elsewhere = tmp_path / "my client"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "clientapp", elsewhere, ignore=ignore)
    python = make_venv(tmp_path / "venv", "-r", str(elsewhere / "requirements.txt"))
    listed = subprocess.run(
        [python, "-c", "import importlib.util as u; print(u.find_spec('django'))"],
        env=without_checkout(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout == "None\n"
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
        timeout=PATIENCE_SECONDS,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    session = judge(tmp_path / "logs" / "alice.log")
    assert len(session.blocks) == 5
    assert session.asked["select"] == ["name", "country"]
    assert stack.rows("SELECT count(*) FROM feeds_blockreport") == [(5,)]


def test_client_inside_another_package(stack: Stack, tmp_path: Path) -> None:
    """A copy in another package collects, and its swarm starts processes of that copy."""
    vendored = tmp_path / "other" / "vendored"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "clientapp", vendored / "clientapp", ignore=ignore)
    for package in (vendored, vendored.parent):
        (package / "__init__.py").touch()

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "other.vendored.clientapp", *arguments],
            cwd=tmp_path,
            env=without_checkout(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "usage: python -m other.vendored.clientapp" in run("--help")
    stack.server()
    stack.generator("--rate=50")
    url = f"--url={stack.url}"
    run("collect", url, "--name=alice", "--block-size=5", "--blocks=2")
    assert len(judge(tmp_path / "logs" / "alice.log").blocks) == 2
    run("swarm", url, "--clients=2", "--seconds=2", "--quiet", "--expect=verified==1")
    members = stack.rows("SELECT count(*) FROM feeds_clientsession WHERE client <> 'alice'")
    assert members[0][0] >= 2
