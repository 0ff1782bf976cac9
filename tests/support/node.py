"""Scripts of the page, run by node without a page."""

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
    Return the JSON that *program* prints, with *given* as JSON in ``input``.

    The program may import the scripts as ``./NAME.js``. Skips without node; if the program fails,
    the test fails with its output.
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
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
