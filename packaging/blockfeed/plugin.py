"""
The pytest plugin: the fixture ``blockfeed``, one server for each process of a test run.

With pytest-xdist each worker has a server of its own. The server starts with the first test that
uses the fixture, and ends with the worker, even if the worker is killed.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from blockfeed.testing import Blockfeed, running

_SERVER = pytest.StashKey[Blockfeed]()


@pytest.fixture(scope="session")
def blockfeed(request: pytest.FixtureRequest) -> Iterator[Blockfeed]:
    """Run a Blockfeed server with a generator; see `blockfeed.testing.Blockfeed`."""
    with running() as one:
        request.config.stash[_SERVER] = one
        yield one
        del request.config.stash[_SERVER]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Undo the test's changes to the server, so that the next test finds it running."""
    if (one := item.config.stash.get(_SERVER, None)) is not None:
        one.restore()
