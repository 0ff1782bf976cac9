"""
The commands of a guide in docs/how-to, run as a person would.

They are the blocks marked ``sh``. Blocks without a mark are examples that need another host, or
the rights of root.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.stack import CHECKOUT, Stack

INSTALLING = "make setup\n"
"""Runs before the tests, and would take minutes here."""


def block(page: str, heading: str, language: str = "sh") -> str:
    """Return the only block in *language* below *heading* of a guide."""
    text = (CHECKOUT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    section = re.split(r"^#+ ", text.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", section[0], re.MULTILINE | re.DOTALL)
    return str(found)


def follow(stack: Stack, page: str, heading: str) -> None:
    """Run the commands below *heading* of a guide in the folder of *stack*, as in a checkout."""
    run(block(page, heading), stack.folder, stack.environment)


def run(commands: str, folder: Path, environment: dict[str, str]) -> None:
    """Run *commands* in *folder*; each must succeed."""
    for name, target in ((".venv", Path(sys.prefix)), ("manage.py", CHECKOUT / "manage.py")):
        if not (folder / name).exists():
            (folder / name).symlink_to(target)
    script = commands.replace(INSTALLING, "")
    done = subprocess.run(
        ["sh", "-eux", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
