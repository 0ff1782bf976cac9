"""The product without make: the README's own commands, in any start order."""

import os
import shlex
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from tests.support.stack import free_port

CHECKOUT = Path(__file__).parents[2]
SERVER = "python manage.py runserver"
GENERATOR = "python manage.py generate"
CLIENT = "python clientapp/client.py --name alice"
ORDERS = {
    "server first": (SERVER, GENERATOR, CLIENT),
    "client first": (CLIENT, GENERATOR, SERVER),
    "generator first": (GENERATOR, CLIENT, SERVER),
}


class Terminal:
    """A terminal for the README's commands, with its own folder."""

    def __init__(self, folder: Path) -> None:
        path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**os.environ, "BLOCKFEED_VAR": str(folder), "PATH": path}
        self._started = ExitStack()

    def start(self, command: str, *more: str) -> subprocess.Popen[str]:
        """Start *command* as written in the README, followed by *more*."""
        assert command in (CHECKOUT / "README.md").read_text(encoding="utf-8").splitlines()
        process = subprocess.Popen(
            [*shlex.split(command), *more],
            cwd=CHECKOUT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        self._started.enter_context(process)  # waits for it, and closes its output
        self._started.callback(_kill_group, process.pid)
        return process

    def close(self) -> None:
        """End the programs that are still running."""
        self._started.close()


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that the README's command has migrated."""
    folder = tmp_path_factory.mktemp("migrated")
    with closing(Terminal(folder)) as terminal:
        migration = terminal.start("python manage.py migrate")
        output, _ = migration.communicate()
        assert migration.returncode == 0, output
    return folder


@pytest.fixture
def terminal(migrated: Path, tmp_path: Path) -> Iterator[Terminal]:
    """Open a terminal on a copy of the migrated folder."""
    shutil.copytree(migrated, tmp_path, dirs_exist_ok=True)
    with closing(Terminal(tmp_path)) as terminal:
        yield terminal


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_programs_start_in_any_order(
    order: tuple[str, ...], terminal: Terminal, tmp_path: Path
) -> None:
    """Each program waits for the others, and a block arrives."""
    port = free_port()
    log = tmp_path / "alice.log"
    more = {
        SERVER: (str(port),),
        GENERATOR: (),
        CLIENT: (f"--url=ws://127.0.0.1:{port}/", f"--log={log}", "--block-size=2", "--blocks=1"),
    }
    processes = {}
    for command in order:
        processes[command] = process = terminal.start(command, *more[command])
        if command != order[-1]:
            assert process.stdout is not None
            assert process.stdout.readline() != ""
    output, _ = processes[CLIENT].communicate()
    assert processes[CLIENT].returncode == 0, output
    assert "Block 1 received successfully" in output
    for command in (GENERATOR, SERVER):
        processes[command].send_signal(signal.SIGINT)
        output, _ = processes[command].communicate()
        assert processes[command].returncode == 0, output
        assert "Traceback" not in output
