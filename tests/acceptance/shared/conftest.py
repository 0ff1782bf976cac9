"""
Fixtures that are expensive to start, for all tests below this directory.

A process that runs such tests starts one browser, one `BusyStack` and one
`ShakenStack` at most, and ends them when it leaves the directory: a stack at
work costs a part of a core. For pytest, the scope of these fixtures is a
package, so the directory is a package. One process runs all tests of a directory
below it (`tests.support.scheduling`).
"""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.browser import Browser, SharedBrowser, other_hosts
from tests.support.busy_stack import BusyStack, ShakenStack, ShakenStacks
from tests.support.signing_in import is_signed_in, sign_in


@pytest.fixture(scope="package")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedBrowser]:
    """Keep one browser for all tests of a process."""
    with closing(SharedBrowser(tmp_path_factory.mktemp("chromium"))) as one:
        yield one


@pytest.fixture
def visited(chromium: SharedBrowser) -> Iterator[Browser]:
    """Open a page with a context of its own; at the end it has requested no other host."""
    with chromium.page() as one:
        yield one
        assert other_hosts(one) == set()


@pytest.fixture
def page(visited: Browser) -> Iterator[Browser]:
    """Open a page; at the end, check that nothing went wrong in it."""
    yield visited
    assert not visited.errors, visited.errors


@pytest.fixture(scope="package")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusyStack]:
    """Keep one installation at work for all tests that only read from it."""
    with closing(BusyStack(tmp_path_factory.mktemp("busy"))) as one:
        one.begin()
        yield one


@pytest.fixture
def operator(busy: BusyStack, chromium: SharedBrowser) -> Iterator[Browser]:
    """
    Give a test a page of the busy installation, signed in, in which nothing may go wrong.

    One page serves many tests, because opening a new context takes as long as most
    of them run. Before each test, the page forgets the previous one.
    """
    one = chromium.kept()
    if not is_signed_in(busy, one):
        sign_in(busy, one)
        one.forget()
    yield one
    assert other_hosts(one) == set()
    assert not one.errors, one.errors


@pytest.fixture(scope="package")
def shaken_stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShakenStacks]:
    """Keep an installation for all tests that stop its server or take its database away."""
    with closing(ShakenStacks(tmp_path_factory.mktemp("shaken"))) as one:
        yield one


@pytest.fixture
def shaken(shaken_stacks: ShakenStacks) -> ShakenStack:
    """Give a test the server and the generator of that installation, both at work."""
    return shaken_stacks.whole()
