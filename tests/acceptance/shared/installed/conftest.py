"""Fixtures for tests of the installed package, which is built and installed once."""

from pathlib import Path

import pytest

from tests.support.wheel import Installed, build


@pytest.fixture(scope="package")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="package")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the wheel, and the packages that its users' tests need."""
    extra = ("pytest", "pytest-xdist", "mypy")
    return Installed(wheel, tmp_path_factory.mktemp("installed"), *extra)
