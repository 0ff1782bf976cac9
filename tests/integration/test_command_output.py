"""Commands whose standard output fails: a full disk, or a closed pipe."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.forks import run
from tools.waiting import PATIENCE_SECONDS

CHECKOUT = Path(__file__).parents[2]
FULL_DISK = Path("/dev/full")
FULL = "the output cannot be written: No space left on device"
CLOSED = "nobody reads the output any more"

pytestmark = pytest.mark.skipif(not FULL_DISK.exists(), reason="needs /dev/full")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a migrated installation."""
    folder = tmp_path_factory.mktemp("installation")
    assert manage(folder, subprocess.DEVNULL, "migrate", "-v0") == (0, "")
    few = ("--feed=users", "--count=3", "--rate=100")
    assert manage(folder, subprocess.DEVNULL, "generate", *few) == (0, "")
    return folder


@pytest.fixture(params=[FULL, CLOSED], ids=["full", "closed"])
def broken(request: pytest.FixtureRequest) -> Iterator[tuple[int, str]]:
    """Return an output that fails, and the sentence about it."""
    if request.param == FULL:
        output = os.open(FULL_DISK, os.O_WRONLY)
    else:
        reader, output = os.pipe()
        os.close(reader)
    yield output, request.param
    os.close(output)


def manage(folder: Path, output: int, *arguments: str) -> tuple[int, str]:
    """Run a command of manage.py; return its exit code and its stderr."""
    done = run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, "BLOCKFEED_VAR": str(folder)},
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", ["prune", "check", "records users"])
def test_failing_output_is_one_sentence(
    folder: Path, broken: tuple[int, str], command: str
) -> None:
    """If its output fails, any command ends with exit code 1 and without a traceback."""
    output, sentence = broken
    assert manage(folder, output, *command.split()) == (1, f"{sentence}\n")


def test_generator_continues_without_output(folder: Path, broken: tuple[int, str]) -> None:
    """A generator publishes all messages before it ends like any other command."""
    output, sentence = broken
    options = ("--feed=users", "--count=20", "--rate=100")
    code, said = manage(folder, output, "generate", *options)
    assert (code, said.splitlines()[-1]) == (1, sentence)
    code, again = manage(folder, subprocess.DEVNULL, "shell", "-c", COUNTED)
    assert code == 0, again


COUNTED = """
from feeds.models import Feed
assert Feed.objects.get(name="users").promised >= 20
"""
