"""Fixtures of the tests of real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import Stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Give a test its own installation."""
    one = Stack(tmp_path)
    yield one
    one.close()
