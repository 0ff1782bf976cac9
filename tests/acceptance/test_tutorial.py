"""The tutorial, the README's client and the CI guide, typed as they stand."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.stack import CHECKOUT, PATIENCE_SECONDS, Stack, free_port

ENDLESS = ".venv/bin/python examples/python_client.py\n"


def steps(document: str) -> list[tuple[str, str]]:
    """Return each command of *document* that runs an example, with the output shown after it."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    return [
        (command, output)
        for (kind, command), (next_kind, output) in pairwise(blocks)
        if (kind, next_kind) == ("sh", "text") and "examples/" in command
    ]


def shape(output: str) -> str:
    """Return *output* without the parts that differ between runs: offsets, names and times."""
    named = re.sub(r"^\d+ .+$", "OFFSET NAME", output, flags=re.MULTILINE)
    return re.sub(r"\d+", "0", named)


@pytest.fixture
def checkout(stack: Stack, tmp_path: Path) -> Path:
    """Start a server and a generator; return a folder with the examples for its port."""
    stack.server()
    stack.generator("--rate=20")
    folder = tmp_path / "checkout"
    shutil.copytree(CHECKOUT / "examples", folder / "examples")
    (folder / ".venv").symlink_to(sys.prefix)
    for example in folder.glob("examples/*.py"):
        code = example.read_text(encoding="utf-8")
        assert ":8000/" in code
        example.write_text(code.replace(":8000/", f":{stack.port}/"), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("document", "count"), [("README.md", 1), ("docs/tutorial.md", 5)])
def test_every_step_prints_what_is_shown(document: str, count: int, checkout: Path) -> None:
    """Each command prints what stands below it; the tutorial ends with a verified block."""
    walked = steps((CHECKOUT / document).read_text(encoding="utf-8"))
    assert len(walked) == count
    for command, expected in walked:
        output = first_lines(command, checkout) if command == ENDLESS else run(command, checkout)
        assert shape(output) == shape(expected), command
    assert "tutorial" not in document or "'verdict': 'verified'" in output


def test_ci_guide(tmp_path: Path) -> None:
    """The commands of the CI guide end with a log that is whole."""
    output = run(ci_script(free_port(), tmp_path), CHECKOUT)
    assert "Block 5 verified" in output
    assert "ci.log: whole" in output


def test_ci_guide_fails_with_its_server(tmp_path: Path) -> None:
    """The commands of the CI guide fail if their server could not start."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        script = ci_script(holder.getsockname()[1], tmp_path)
        lines = [line for line in script.splitlines() if "clientapp" not in line]
        short = "\n".join(lines).replace("--count 500", "--count 1")
        with pytest.raises(subprocess.CalledProcessError) as failed:
            run(short, CHECKOUT)
    assert "cannot listen at" in failed.value.output


def ci_script(port: int, folder: Path) -> str:
    """Return the commands of the CI guide for a server on *port* with its data in *folder*."""
    guide = (CHECKOUT / "docs" / "how-to" / "ci.md").read_text(encoding="utf-8")
    lines = [line[4:] for line in guide.splitlines() if line.startswith("    ")]
    script = "\n".join(lines[: lines.index("wait $server") + 1])
    script = script.replace("8000", f"{port}").replace(
        "client.py ", f"client.py --url ws://127.0.0.1:{port}/ "
    )
    path = f"export PATH='{sysconfig.get_path('scripts')}':\"$PATH\" TMPDIR='{folder}'\n"
    return path + script


def run(command: str, folder: Path) -> str:
    """Return the output of *command*."""
    done = subprocess.run(
        ["sh", "-e", "-c", command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    return done.stdout


def first_lines(command: str, folder: Path) -> str:
    """Return the first two lines of a command that does not end by itself, and end it."""
    with subprocess.Popen(
        ["sh", "-c", command], cwd=folder, stdout=subprocess.PIPE, text=True, process_group=0
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        os.killpg(process.pid, signal.SIGKILL)
    return "".join(lines)
