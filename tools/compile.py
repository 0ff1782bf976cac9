"""
Compile the pass over the sockets, if there is a C compiler.

Run it from the checkout: ``python -m tools.compile``. A server then delivers about a sixth more
from one core. Without the library, Python does the same work. Restart
a running server.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from feeds.fanout.passes import FOLDER, SOURCE, CompiledPass, library

FLAGS = ("-std=c11", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra")


class CannotCompile(Exception):
    """The library cannot be compiled; the text is the reason."""


def compile_pass(folder: Path = FOLDER) -> Path:
    """Compile the library into *folder* unless it exists; return it. Raises CannotCompile."""
    made = library(folder)
    with suppress(OSError):
        CompiledPass(made)
        return made
    compiler = shlex.split(os.environ.get("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        raise CannotCompile(f"there is no C compiler ({compiler[0]})")
    part = made.with_suffix(f".{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        command = [*compiler, *FLAGS, str(SOURCE), "-o", str(part)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotCompile(f"{compiler[0]} failed: {done.stderr.strip()[:500]}")
        part.replace(made)
    except OSError as error:
        raise CannotCompile(str(error)) from error
    finally:
        with suppress(OSError):
            part.unlink()
    return made


def main() -> None:
    """Compile, and print the result in one line; exits 1 on failure."""
    argparse.ArgumentParser(
        prog="python -m tools.compile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    try:
        print(f"compiled the code that writes to the sockets: {compile_pass()}")
    except CannotCompile as reason:
        print(f"not compiled: {reason}; Python writes to the sockets, which delivers a sixth less")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
