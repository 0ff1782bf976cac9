"""Scripts of the page under node, where they have no page around them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools.waiting import PATIENCE_SECONDS

SCRIPTS = Path(__file__).parents[2] / "feeds" / "static" / "feeds"


def run_node(folder: Path, program: str, given: Any) -> Any:
    """
    Return what *program* prints as JSON, with *given* as JSON in ``input``.

    The program may import the scripts by ``./NAME.js``. Skips where there is
    no node; a program that fails fails the test with what it said.
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node is installed")
    for script in SCRIPTS.glob("*.js"):
        shutil.copy(script, folder)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    head = 'import { readFileSync } from "node:fs";\nconst input = JSON.parse(readFileSync(0));\n'
    (folder / "program.js").write_text(head + program, encoding="utf-8")
    done = subprocess.run(
        [node, str(folder / "program.js")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
