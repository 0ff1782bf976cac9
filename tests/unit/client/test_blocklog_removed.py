"""A log that is removed under a running client."""

from pathlib import Path

import pytest

from clientapp.blocklog import BlockLog
from clientapp.core.errors import CouldNot


def test_removed_log_is_noticed(tmp_path: Path) -> None:
    """What is no longer under its name is not reported as kept."""
    path = tmp_path / "alice.log"
    with BlockLog(path) as log:
        log.sync()
        path.unlink()
        with pytest.raises(CouldNot, match=r"alice\.log was removed"):
            log.sync()
