"""The environment of the application's programs, and the application's folder."""

import re
import subprocess
import sys
from pathlib import Path

from blockfeed import application

CHECKOUT = Path(__file__).parents[3]


def test_checkout_is_the_application() -> None:
    """Without a copy inside the package, the checkout around it is the application."""
    assert application.folder() == CHECKOUT
    assert (application.folder() / "manage.py").exists()


def test_settings_of_another_project_are_left_out() -> None:
    """Variables that are not listed do not reach the application."""
    foreign = {
        "DATABASE_URL": "postgres://theirs",
        "DJANGO_SETTINGS_MODULE": "theirs.settings",
        "DEBUG": "maybe",
        "PORT": "80",
        "PYTHONPATH": "/theirs",
        "PYTHONSTARTUP": "/theirs.py",
        "REDIS_URL": "redis://theirs",
        "SECRET_KEY": "theirs",
    }
    made = application.environment({**foreign, "PATH": "/bin", "LANG": "C.UTF-8"})
    assert made == {
        "PATH": "/bin",
        "LANG": "C.UTF-8",
        "BLOCKFEED_PROGRAM": "blockfeed",
        "PYTHONPATH": str(CHECKOUT),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
    }


def test_prefix_sets_a_setting() -> None:
    """A variable with our prefix sets the setting of that name, and overrides one without it."""
    made = application.environment({"DEBUG": "true", "BLOCKFEED_DEBUG": "false"})
    assert made["DEBUG"] == "false"


def test_every_setting_can_be_set() -> None:
    """The list names every setting of the project except the folder."""
    text = (CHECKOUT / "wsproject" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'\benv\.\w+\(\s*"(\w+)"', text))
    assert {*application.SETTINGS, "BLOCKFEED_VAR"} == read
    assert set(application.SETTINGS) & set(application.KEPT) == set()


def test_package_needs_nothing_installed() -> None:
    """Command and environment need the standard library only."""
    program = f"import sys; sys.path[:0] = [{str(CHECKOUT / 'packaging')!r}]; import blockfeed.cli"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True)
