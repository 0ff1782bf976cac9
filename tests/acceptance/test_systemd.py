"""The units in packaging/systemd, as far as they can be tried without a running systemd."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.judge import judge
from tests.support.stack import CHECKOUT, PATIENCE_SECONDS, Stack

UNITS = CHECKOUT / "packaging" / "systemd"
PLACE = "/opt/blockfeed"
"""The checkout's place in the units."""
PYTHON = f"{PLACE}/.venv/bin/python"
MOST_EXPOSURE = 20
"""Highest exposure, in tenths: systemd calls up to 4.9 OK; without a sandbox it is 9.6."""

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing"
)
needs_activate = pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is missing"
)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Give a test the units, changed to use this checkout and this interpreter."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    for file in (path for path in folder.rglob("*") if path.is_file()):
        text = file.read_text(encoding="utf-8").replace(PYTHON, sys.executable)
        file.write_text(text.replace(PLACE, str(CHECKOUT)), encoding="utf-8")
    return folder


def analyze(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze in *folder*."""
    return subprocess.run(
        ["systemd-analyze", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def names(folder: Path) -> list[str]:
    """Return the units in *folder* as paths; a template is given an instance."""
    return [f"./{path.name.replace('@.', '@1.')}" for path in folder.iterdir() if path.is_file()]


@needs_analyze
def test_units_are_correct(units: Path) -> None:
    """Systemd finds no fault in the units, and finds a wrong line."""
    done = analyze(units, "verify", "--man=no", *names(units))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    service = units / "blockfeed-server.service"
    service.write_text(service.read_text("utf-8").replace("Type=exec", "Type=server"), "utf-8")
    assert "server" in analyze(units, "verify", "--man=no", f"./{service.name}").stderr


@needs_analyze
def test_services_are_sandboxed(units: Path) -> None:
    """By systemd's own measure, no service is more exposed than allowed."""
    services = [name for name in names(units) if name.endswith(".service")]
    assert len(services) == 3
    limit = f"--threshold={MOST_EXPOSURE}"
    for service in services:
        done = analyze(units, "security", "--offline=true", "--no-pager", limit, service)
        assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(units / "blockfeed-.service.d")
    bare = analyze(units, "security", "--offline=true", "--no-pager", limit, services[0])
    assert bare.returncode != 0


@needs_activate
def test_server_is_started_by_its_socket(stack: Stack, units: Path) -> None:
    """A client that connects before there is a server starts it, and is served."""
    unit = (units / "blockfeed-server.service").read_text(encoding="utf-8")
    (command,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    variables = ("BLOCKFEED_VAR", "DJANGO_SETTINGS_MODULE", "PATH", "PYTHONUNBUFFERED")
    server = stack.program(
        "activated",
        "systemd-socket-activate",
        f"--listen=127.0.0.1:{stack.port}",
        *(f"--setenv={name}" for name in variables if name in stack.environment),
        *command.partition("=")[2].split(),
    )
    server.wait_for("Listening on")
    stack.generator("--feed=users", "--rate=100")
    assert "serving at" not in server.said
    client = stack.client("alice", "--feed=users", "--block-size=20", "--blocks=3", "--verified")
    server.wait_for(f"serving at http://127.0.0.1:{stack.port}/ (fd:)")
    assert client.process.wait(PATIENCE_SECONDS) == 0, client.said
    judge(stack.log("alice"))
    assert server.stop() == 0
