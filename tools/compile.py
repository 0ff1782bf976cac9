"""
Compile the pass over the sockets, where there is a C compiler.

Run from the checkout: ``python -m tools.compile``. A server then delivers about
a fifth more from one core; without it, Python does the same. A server that runs
has to be started again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from feeds.live.passes import FOLDER, SOURCE, library

FLAGS = ("-std=c11", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra")


class CannotCompile(Exception):
    """There is no library, for the reason in the text."""


def compile_pass(folder: Path = FOLDER) -> Path:
    """Compile into *folder* what is not there; return the library. Raises CannotCompile."""
    made = library(folder)
    if made.exists():
        return made
    compiler = shutil.which(os.environ.get("CC") or "cc")
    if compiler is None:
        raise CannotCompile("there is no C compiler (cc)")
    part = made.with_suffix(f".{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        command = [compiler, *FLAGS, str(SOURCE), "-o", str(part)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotCompile(f"{compiler} failed: {done.stderr.strip()[:500]}")
        part.replace(made)
    except OSError as error:
        raise CannotCompile(str(error)) from error
    finally:
        with suppress(OSError):
            part.unlink()
    return made


def main() -> None:
    """Compile, and say in one line what came of it; nothing depends on it."""
    try:
        print(f"the pass over the sockets is compiled: {compile_pass()}")
    except CannotCompile as reason:
        print(f"the pass over the sockets stays in Python, a sixth slower: {reason}")


if __name__ == "__main__":
    main()
