"""The Python API of the installed package, as README and guide show it."""

import shutil
from pathlib import Path

from tests.support.stack import CHECKOUT
from tests.support.wheel import Installed

EXAMPLE = CHECKOUT / "examples" / "api_client.py"
TEST = """
import subprocess
import sys
from pathlib import Path

from blockfeed.testing import Blockfeed

EXAMPLE = Path(__file__).with_name("api_client.py")


def test_example(blockfeed: Blockfeed) -> None:
    blockfeed.url("users", rate=50)
    done = subprocess.run(
        [sys.executable, EXAMPLE, blockfeed.address], check=True, capture_output=True, text=True
    )
    *lines, verdicts = done.stdout.splitlines()
    blockfeed.check("users", [int(line.split()[0]) for line in lines])
    assert (len(lines), verdicts) == (10, "{'verified': 2}")
    assert blockfeed.session("erin").verified
"""


def test_example_runs_as_printed(installed: Installed, tmp_path: Path) -> None:
    """The example receives its messages, and the server verifies its blocks."""
    shutil.copy(EXAMPLE, tmp_path)
    file = tmp_path / "test_example.py"
    file.write_text(TEST)
    said = installed.run("pytest", "-q", "-p", "no:cacheprovider", str(file))
    assert "1 passed" in said


def test_types_of_the_api_are_known(installed: Installed, tmp_path: Path) -> None:
    """`mypy --strict` passes on the example, and knows the type of each name."""
    file = tmp_path / "consumer.py"
    file.write_text(
        EXAMPLE.read_text()
        + "\nfrom blockfeed.client import Subscription\n"
        + "async def last(subscription: Subscription) -> int:\n"
        + "    block = await anext(subscription.blocks())\n"
        + "    reveal_type(block.messages[-1])\n"
        + "    return block.number\n"
    )
    said = installed.run("mypy", "--strict", f"--cache-dir={tmp_path}", str(file))
    assert "Success" in said
    assert 'Revealed type is "blockfeed._app.clientapp.api.Message | blockfeed._app' in said
