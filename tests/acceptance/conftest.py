"""What tests of real processes share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import Browser, browser, other_hosts
from tests.support.stack import Stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Give a test an installation of its own."""
    one = Stack(tmp_path)
    yield one
    one.close()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Browser]:
    """Open a browser; at the end, nothing went wrong in it."""
    with browser(tmp_path / "profile") as one:
        yield one
        assert other_hosts(one) == set()
        assert not one.errors, one.errors
