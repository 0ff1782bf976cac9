"""
The command ``blockfeed``: everything at once, or one program of the application.

It replaces itself by the program, so the program gets signals and the terminal directly.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from blockfeed import application

EVERYTHING = ("-m", "tools.run")
CLIENT = ("-m", "clientapp")
MANAGE = str(application.folder() / "manage.py")
PROGRAMS = {
    "serve": (MANAGE, "serve"),
    "generate": (MANAGE, "generate"),
    "manage": (MANAGE,),
    "client": (*CLIENT, "collect"),
    "verify": (*CLIENT, "verify"),
    "swarm": (*CLIENT, "swarm"),
    "analyse": (*CLIENT, "analyse"),
}
"""The arguments of Python for each command."""
WITH_DATA = ("serve", "generate", "manage")
"""The commands that need a folder for data."""
VAR = "BLOCKFEED_VAR"
USAGE_ERROR = 2
"""The exit code for an option that is missing or wrong, as in all our programs."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program that *arguments* name; they default to the command line's."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["--version"]:
        print(f"blockfeed {metadata.version('blockfeed')}")
        sys.exit(0)
    environment = application.environment()
    if not words or words[0].startswith("-"):
        run(environment, *EVERYTHING, *words)
    name, *rest = words
    if name not in PROGRAMS:
        refuse(f"{name[:40]!r} is not a command; there are: {', '.join(PROGRAMS)}")
    if name in WITH_DATA:
        var, rest = split_var(name, rest)
        if var is not None:
            environment[VAR] = str(Path(var).resolve())
        elif VAR not in environment and not {"-h", "--help"} & set(rest):
            refuse(f"{name} needs --var DIR, a folder for data that serve and generate share")
    run(environment, *PROGRAMS[name], *rest)


def split_var(name: str, words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the value of ``--var`` in *words* and the other words."""
    var: str | None = None
    rest = []
    remaining = iter(words)
    for word in remaining:
        if word.startswith("--var="):
            var = word.removeprefix("--var=")
        elif word == "--var":
            var = next(remaining, "")
        else:
            rest.append(word)
    if var == "":
        refuse(f"{name}: --var needs a folder")
    return var, rest


def run(environment: dict[str, str], *arguments: str) -> NoReturn:
    """Become the Python program with *arguments*."""
    sys.stdout.flush()
    command = application.command(*arguments)
    os.execve(command[0], command, environment)  # noqa: S606  this interpreter, without a shell


def refuse(sentence: str) -> NoReturn:
    """End with *sentence*."""
    print(f"blockfeed: {sentence}", file=sys.stderr)
    sys.exit(USAGE_ERROR)
