"""No test is tied to one database by accident."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "integration"
OF_SQLITE = re.compile(r"sqlite3|PRAGMA|rowid", re.IGNORECASE)
MARK = re.compile(r"pytest\.mark\.sqlite\(")


def tied(text: str) -> Iterator[str]:
    """Yield the functions of a module that mention SQLite without a mark that says why."""
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.Assign) and MARK.search(ast.unparse(node)):
            return
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            marks = "\n".join(map(ast.unparse, node.decorator_list))
            if OF_SQLITE.search(ast.unparse(node)) and not MARK.search(marks):
                yield node.name
        elif OF_SQLITE.search(ast.unparse(node)) and not isinstance(node, ast.Expr | ast.Import):
            yield ast.unparse(node).splitlines()[0]


def test_no_test_is_tied_to_sqlite_by_accident() -> None:
    """Tests that name SQLite are marked, so that all others run on PostgreSQL too."""
    found = {path.name: [*tied(path.read_text("utf-8"))] for path in FOLDER.glob("*.py")}
    assert {name: functions for name, functions in found.items() if functions} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import sqlite3\ndef test_a():\n    sqlite3.connect('x')", ["test_a"]),
        ("async def test_a():\n    await run('PRAGMA user_version')", ["test_a"]),
        ("def path(folder):\n    return folder / 'db.sqlite3'", ["path"]),
        ("PATH = 'db.sqlite3'", ["PATH = 'db.sqlite3'"]),
        ("@pytest.mark.sqlite('why')\ndef test_a():\n    sqlite3.connect('x')", []),
        ("pytestmark = pytest.mark.sqlite('why')\ndef a():\n    sqlite3.connect('x')", []),
        ("def test_a():\n    pass", []),
    ],
)
def test_a_tied_test_is_found(text: str, found: list[str]) -> None:
    """Each kind of dependence is found, unless it is marked."""
    assert list(tied(text)) == found
