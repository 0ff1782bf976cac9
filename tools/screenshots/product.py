"""The pictured installation: started as by ``make run``, with more clients."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.waiting import PATIENCE_SECONDS, until

CHECKOUT = Path(__file__).resolve().parents[2]
FIRST_PORT = 7700
"""The first port to try; not 8000, which another installation may use."""
GUESTS = {
    "dora": ("--feed=arrays", "--block-size=20"),
    "erin": ("--block-size=10", "--select=name,country"),
    "frank": ("--feed=arrays", "--block-size=2", "--blocks=4"),
}
"""More clients beside alice, bob and carol, with other block sizes; frank leaves."""


@dataclass(frozen=True, slots=True)
class Product:
    """One running installation."""

    folder: Path
    environment: Mapping[str, str]
    address: str
    """Address of the page, with a slash at its end."""
    password: str
    """Password of the account ``admin``."""

    @property
    def url(self) -> str:
        """The address for clients."""
        return self.address.replace("http", "ws", 1)


@contextmanager
def running(folder: Path, *, blocks: int) -> Iterator[Product]:
    """Run the product in *folder*; yield it once *blocks* blocks of alice are verified."""
    environment = environment_of(folder)
    with _program(folder / "run.out", environment, "-m", "tools.run") as said:
        [address] = wait_for(said, r"^ +page +(http\S+)$")
        [password] = wait_for(said, r"user admin, password (\S+)\s")
        product = Product(folder, environment, address, password)
        with ExitStack() as guests:
            for name in GUESTS:
                output = folder / f"{name}.out"
                guests.enter_context(_program(output, environment, *_client(product, name)))
            for name in ("alice", "bob", "carol"):
                wait_for(said, rf"^{name} +\| Block (1) verified")
            wait_for(folder / "frank.out", "^the server found (4) verified")
            for number in range(1, blocks + 1):  # one by one, so that each has its own deadline
                wait_for(said, rf"^alice +\| Block ({number}) verified")
            yield product


def _client(product: Product, name: str) -> tuple[str, ...]:
    """Return the command of a guest."""
    log = product.folder / f"{name}.log"
    place = (f"--url={product.url}", f"--log={log}", "--label=gallery")
    return ("clientapp/client.py", f"--name={name}", *place, *GUESTS[name])


def environment_of(folder: Path) -> dict[str, str]:
    """Return the environment of a product in *folder*, mostly independent of the current one."""
    own = {"BLOCKFEED_VAR": str(folder / "var"), "PORT": str(FIRST_PORT)}
    # Tests find the processes they started by the mark.
    kept = {"PATH", "HOME", "LANG", "TMPDIR", "BLOCKFEED_TEST_MARK"} & os.environ.keys()
    return {name: os.environ[name] for name in kept} | own


def migrate(environment: Mapping[str, str]) -> None:
    """Create the tables of another installation."""
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"],
        cwd=CHECKOUT,
        env=dict(environment),
        check=True,
        timeout=PATIENCE_SECONDS,
    )


def wait_for(output: Path, pattern: str) -> list[str]:
    """Wait until a program's output matches *pattern*; return its groups."""
    found: list[re.Match[str]] = []

    def is_said() -> bool:
        said = output.read_text(encoding="utf-8", errors="replace")
        found[:] = filter(None, [re.search(pattern, said, re.MULTILINE)])
        return bool(found)

    until(is_said, lambda: f"{pattern} is not in the output:\n{output.read_text(encoding='utf-8')}")
    return list(found[0].groups())


@contextmanager
def _program(output: Path, environment: Mapping[str, str], *command: str) -> Iterator[Path]:
    """Run a Python program within the context, and end it by Ctrl-C."""
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-u", *command],
            cwd=CHECKOUT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    try:
        yield output
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
