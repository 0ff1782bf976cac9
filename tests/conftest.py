"""
Hooks for all tiers.

If ``BLOCKFEED_CI`` is set, a skipped test counts as failed: everything that a test may need is
installed there, so a skip would hide a missing proof.

Hypothesis tries the same examples in every run, at any speed. ``BLOCKFEED_EXAMPLES`` sets the
number of examples for each property; CI tries more than a developer wants to wait for.
"""

import gc
import os
import signal
import sys
from collections.abc import Generator
from contextlib import suppress
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests.support.guardian import guard

FEWEST_WORKERS = 4
"""The number of test processes even on fewer cores, because many tests wait for a program."""

UNIT = "tests/unit"
"""The tests that wait for nothing; more processes than cores would only import more."""

FEW_EXAMPLES, MANY_EXAMPLES = 25, 100
"""Default number of examples for each property: on a developer's machine, and in CI."""

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=int(
        os.environ.get("BLOCKFEED_EXAMPLES")
        or (MANY_EXAMPLES if os.environ.get("BLOCKFEED_CI") else FEW_EXAMPLES)
    ),
)
settings.load_profile("repeatable")

ReportT = TypeVar("ReportT", pytest.TestReport, pytest.CollectReport)


def pytest_configure(config: pytest.Config) -> None:
    """Let the processes that tests start use the project's own settings, and end with this one."""
    guard()
    # Hundreds of processes import the project: each would compile all of it again.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["DJANGO_SETTINGS_MODULE"] = "wsproject.settings"
    if os.environ.get("BLOCKFEED_TEST_DATABASE"):
        config.option.reuse_db = True  # the whole server is removed
    # A shell lets background jobs ignore Ctrl-C, and nohup lets its command ignore SIGHUP. The
    # programs that tests start would inherit that.
    _heed(signal.SIGINT, signal.default_int_handler)
    if not config.getoption("numprocesses", None):  # this process runs tests
        _heed(signal.SIGHUP, signal.SIG_DFL)


def _heed(number: signal.Signals, handler: Any) -> None:
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the meaning of ``--numprocesses auto``."""
    cores = os.cpu_count() or 1
    return cores if all(UNIT in one for one in config.args) else max(FEWEST_WORKERS, cores)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests and their imports without looking for garbage, then or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """
    Sort the tests so that several processes finish as early as possible.

    On PostgreSQL, only tests that use Django's database run, except those marked ``sqlite``.
    """
    if os.environ.get("BLOCKFEED_TEST_DATABASE"):
        left_out = [item for item in items if not _uses_any_database(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _uses_any_database(item)]
    with suppress(ModuleNotFoundError):  # without xdist, the order does not matter
        from tests.support import scheduling  # noqa: PLC0415  see above

        items.sort(key=lambda item: scheduling.turn(item.nodeid))


def _uses_any_database(item: pytest.Item) -> bool:
    fixtures = {"db", "transactional_db"} & set(getattr(item, "fixturenames", ()))
    is_marked = item.get_closest_marker("django_db") is not None
    return (is_marked or bool(fixtures)) and item.get_closest_marker("sqlite") is None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return the scheduler that distributes tests to processes."""
    # Without xdist this hook is not called, and the module cannot be imported.
    from tests.support import scheduling  # noqa: PLC0415

    return scheduling.make(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge the report of one test."""
    return _judge((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge the report of one module, which may be skipped as a whole."""
    return _judge((yield))


def _judge(report: ReportT) -> ReportT:
    if report.skipped and os.environ.get("BLOCKFEED_CI"):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, but every test must run here: {reason}"
    return report
