"""
The experiment of docs/explanation/analysis.md.

It makes a sweep at each rate, and one report of all. It starts its own server
and generator on a temporary database, so that yours is not filled. The report
is kept in ``var/experiment``.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.installation import CHECKOUT, CannotStart, Installation, shown
from tools.ports import HOST, first_port, free_port, home, is_taken

VAR = Path(os.environ.get("BLOCKFEED_VAR") or CHECKOUT / "var").resolve()
OUT = VAR / "experiment"
RATES = (5, 10)
"""Messages per second: two rates, so that block time does not depend on size alone."""
SWEEP = ("--block-sizes=1,4,16", "--clients=10,30,90", "--repeats=3", "--seconds=12")
"""Small enough for ten minutes on two cores shared by clients and server."""
START_SECONDS = 30.0
STOP_SECONDS = 15.0


def experiment(port: int) -> None:
    """Run all sweeps and write the report; raises CannotStart."""
    sweeps = []
    with running("server", "manage.py", "runserver", f"{HOST}:{port}", "--noreload") as server:
        await_server(server, port)
        for rate in RATES:
            out = OUT / f"rate-{rate}"
            print(f"{rate} messages per second", flush=True)
            with running("generator", "manage.py", "generate", f"--rate={rate}"):
                analyse(
                    f"--url=ws://{home(port)}",
                    f"--rate={rate}",
                    f"--server-pid={server.pid}",
                    f"--out={out}",
                    *SWEEP,
                )
            sweeps.append(shown(out / "sweep"))
    print("all together", flush=True)
    analyse(*sweeps, f"--out={shown(OUT)}")


@contextmanager
def running(name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python program of the checkout within the context, with its output in a file."""
    with (OUT / f"{name}.out").open("wb") as output:
        # In a separate group, so that Ctrl-C reaches only the parent.
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def await_server(server: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the server listens; raises CannotStart if it does not."""
    end = time.monotonic() + START_SECONDS
    while not is_taken(port):
        if server.poll() is not None or time.monotonic() > end:
            raise CannotStart(f"the server did not start; see {shown(OUT / 'server.out')}")
        time.sleep(0.1)


def analyse(*arguments: str) -> None:
    """Run ``python -m clientapp analyse``; raises CannotStart if it fails."""
    command = [sys.executable, "-m", "clientapp", "analyse", *arguments]
    if subprocess.run(command, cwd=CHECKOUT, check=False).returncode != 0:
        raise CannotStart("the analysis ended with an error")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment; return the exit code."""
    argparse.ArgumentParser(
        prog="python -m tools.experiment",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(arguments)
    OUT.mkdir(parents=True, exist_ok=True)
    # SIGTERM, from a supervisor, cleans up like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        first = first_port()
        with tempfile.TemporaryDirectory(prefix="blockfeed-") as folder:
            os.environ["BLOCKFEED_VAR"] = str(Path(folder) / "var")
            Installation(Path(folder) / "var").prepare()
            experiment(free_port(first))
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
