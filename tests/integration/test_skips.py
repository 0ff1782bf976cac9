"""Skipped tests, which fail if everything is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]

SKIPS = {
    "in the body": "import pytest\ndef test_it(): pytest.skip('reason')",
    "by a mark": "import pytest\n@pytest.mark.skip(reason='reason')\ndef test_it(): pass",
    "by the module": "import pytest\npytest.skip('reason', allow_module_level=True)",
}


def run_pytest(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the tests in *folder* with this project's conftest."""
    without = {name: value for name, value in os.environ.items() if name != "BLOCKFEED_CI"}
    # No plugin may interfere, and each takes time to load.
    without["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-c", os.devnull, "-p", "tests.conftest", folder],
        cwd=CHECKOUT,
        env={**without, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("program", SKIPS.values(), ids=SKIPS)
def test_skip_fails_in_ci(program: str, tmp_path: Path) -> None:
    """A skip of any kind is a failure that gives the reason."""
    (tmp_path / "test_it.py").write_text(program, encoding="utf-8")
    result = run_pytest(tmp_path, BLOCKFEED_CI="1")
    assert result.returncode != 0
    assert "skipped, but every test must run here: " in result.stdout
    assert "reason" in result.stdout


def test_skip_passes_elsewhere(tmp_path: Path) -> None:
    """A machine without some program still passes, and lists what it skipped."""
    (tmp_path / "test_it.py").write_text(SKIPS["in the body"], encoding="utf-8")
    result = run_pytest(tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 skipped" in result.stdout
