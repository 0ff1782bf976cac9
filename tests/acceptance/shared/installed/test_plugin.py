"""The pytest plugin of the installed package, in projects that do not use the checkout."""

import shutil
import signal
import subprocess
from pathlib import Path

from tests.support.stack import CHECKOUT
from tests.support.wheel import Installed, processes
from tools.waiting import until

FOREIGN = """
import os
import pytest
from blockfeed.testing import Blockfeed
from websockets.sync.client import connect


def receive(url: str, count: int) -> list[str | bytes]:
    with connect(url) as server:
        return [server.recv() for _ in range(count)]


@pytest.mark.parametrize("number", range(18))
def test_consumer(blockfeed: Blockfeed, number: int) -> None:
    feed = ("users", "arrays")[number % 2]
    blockfeed.check(feed, receive(blockfeed.url(feed, rate=200), 20))


def test_frozen(blockfeed: Blockfeed) -> None:
    blockfeed.freeze()  # the next test finds it running again


def test_settings_are_left_alone(blockfeed: Blockfeed) -> None:
    assert os.environ["DJANGO_SETTINGS_MODULE"] == "foreign.settings"
    assert not os.path.exists(os.environ["DATABASE_URL"].removeprefix("sqlite:///"))


def test_consumer_that_drops_every_hundredth(blockfeed: Blockfeed) -> None:
    offsets = []
    with connect(blockfeed.url("users", rate=200)) as server:
        for _ in range(305):
            offsets.append(int(str(server.recv()).split(\'"offset":\')[1].split(",")[0]))
    blockfeed.check("users", [one for one in offsets if (one - offsets[0]) % 100 != 99])
"""


def test_examples_pass(installed: Installed, tmp_path: Path) -> None:
    """The three documented examples pass as they are."""
    shutil.copytree(CHECKOUT / "examples" / "testing", tmp_path, dirs_exist_ok=True)
    said = installed.run("pytest", "-q", "-p", "no:cacheprovider", str(tmp_path))
    assert "3 passed" in said


def test_foreign_project_in_two_processes(installed: Installed, tmp_path: Path) -> None:
    """A project of one file runs with `-n 2`; only a consumer that loses messages fails."""
    file = tmp_path / "test_foreign.py"
    file.write_text(FOREIGN)
    command = ("pytest", "-q", "-n", "2", "-p", "no:cacheprovider", str(file))
    said = installed.run(*command, good_code=1)
    assert "1 failed, 20 passed" in said
    [error] = [line for line in said.splitlines() if line.startswith("E ") and "missing" in line]
    words, offsets = error.split("users: 3 missing: ")
    first, second, third = map(int, offsets.split(", "))
    assert (words.split(), second - first, third - second) == (["E", "AssertionError:"], 100, 100)
    until(lambda: not processes(installed.temporary), lambda: str(processes(installed.temporary)))
    assert list(installed.temporary.glob("blockfeed-*")) == []


def test_nothing_remains_of_a_killed_worker(installed: Installed, tmp_path: Path) -> None:
    """After `kill -9` of pytest, no process or file of its server remains, even if frozen."""
    file = tmp_path / "test_hang.py"
    ready = tmp_path / "ready"
    file.write_text(
        "import pathlib, signal\n"
        "def test_hang(blockfeed):\n"
        "    blockfeed.freeze()\n"
        f"    pathlib.Path({str(ready)!r}).touch()\n"
        "    signal.pause()\n"
    )
    with subprocess.Popen(
        [installed.bin / "pytest", "-q", "-p", "no:cacheprovider", str(file)],
        cwd=installed.folder,
        env=installed.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    ) as process:
        until(lambda: ready.exists() or process.poll() is not None, lambda: "it did not start")
        assert process.poll() is None
        assert list(installed.temporary.glob("blockfeed-*")) != []
        process.send_signal(signal.SIGKILL)
    until(lambda: not processes(installed.temporary), lambda: str(processes(installed.temporary)))
    assert list(installed.temporary.glob("blockfeed-*")) == []


def test_types_are_known(installed: Installed, tmp_path: Path) -> None:
    """`mypy --strict` passes on a file that uses the package."""
    file = tmp_path / "test_foreign.py"
    file.write_text(FOREIGN)
    assert "Success" in installed.run("mypy", "--strict", f"--cache-dir={tmp_path}", str(file))
