"""The file that tells other programs where the server accepts connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.installation import CannotStart
from tools.ready import Ready


@pytest.mark.parametrize("name", [".", "missing/ready.json"])
def test_file_that_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str) -> None:
    """Nothing starts: a program that waits for the file would wait forever."""
    with pytest.raises(CannotStart, match="cannot be written: "):
        Ready(8000, tmp_path, as_json=False, file=str(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


def test_check_leaves_an_older_file_alone(tmp_path: Path) -> None:
    """A file of an earlier run stays until the server is ready."""
    file = tmp_path / "ready.json"
    file.write_text("old", encoding="utf-8")
    ready = Ready(8000, tmp_path, as_json=False, file=str(file))
    assert [one.read_text(encoding="utf-8") for one in tmp_path.iterdir()] == ["old"]
    ready.announce()
    assert '"port": 8000' in file.read_text(encoding="utf-8")
