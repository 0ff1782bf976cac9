"""The layers of docs/architecture.md, with proof that each contract can fail."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import grimp
import pytest

CHECKOUT = Path(__file__).parent.parent
PACKAGES = ("clientapp", "feeds", "wsproject")
LINT_IMPORTS = Path(sysconfig.get_path("scripts")) / "lint-imports"

# For every contract, a module and an import that it forbids.
VIOLATIONS = {
    "client-layers": ("clientapp/log/blocklog.py", "import clientapp.options"),
    "lab-layers": ("clientapp/lab/analysis/fit.py", "import clientapp.lab.study"),
    "client-liftable": ("clientapp/cli.py", "import django"),
    "collecting-alone": ("clientapp/verify.py", "import numpy"),
    "wire-stdlib": ("clientapp/wire/names.py", "import rich"),
    "server-speaks-wire": ("feeds/models/feed.py", "import clientapp.core"),
    "server-rooms": ("feeds/models/feed.py", "import feeds.fanout"),
    "pure": ("feeds/core/hub.py", "import asyncio"),
    "one-websockets": ("clientapp/cli.py", "import websockets"),
    "one-daphne": ("feeds/serving/consumer.py", "import twisted"),
}


def contracts() -> dict[str, str]:
    """Return the names of all contracts by their ids."""
    config = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    return {each["id"]: each["name"] for each in config["tool"]["importlinter"]["contracts"]}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts in *folder*."""
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "200", "NO_COLOR": "1"},  # one verdict per line
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the packages and the contracts into a folder that may be damaged."""
    for package in PACKAGES:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / package, tmp_path / package, ignore=ignore)
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    return tmp_path


def test_contracts_hold() -> None:
    """Every module imports only what its layer allows."""
    result = lint_imports(CHECKOUT)
    assert f"{len(contracts())} kept, 0 broken." in result.stdout, result.stdout + result.stderr


def test_every_contract_has_a_violation() -> None:
    """Every contract has a proof that it can fail."""
    assert contracts().keys() == VIOLATIONS.keys()


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_violation_is_caught(contract: str, copy: Path) -> None:
    """One forbidden import breaks its contract and no other."""
    module, statement = VIOLATIONS[contract]
    path = copy / module
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{statement}\n", encoding="utf-8")
    result = lint_imports(copy)
    broken = [name for name in contracts().values() if f"{name} BROKEN" in result.stdout]
    assert broken == [contracts()[contract]], result.stdout + result.stderr


@pytest.mark.parametrize("package", ["clientapp", "feeds"])
def test_architecture_names_every_module(package: str) -> None:
    """Every module of both programs is in docs/architecture.md, in the row of its room."""
    text = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition(f": `{package}`\n")[2].partition("\n#")[0]
    named = set(re.findall(r"`(?:\w+/)*(\w+)`", section))
    modules = {path.stem for path in (CHECKOUT / package).rglob("*.py")} - {"__init__"}
    of_django = {path.stem for path in (CHECKOUT / package / "migrations").glob("*.py")}
    assert modules - of_django - named == set()


@pytest.mark.parametrize("package", ["clientapp.wire", "clientapp.figures", "clientapp.output"])
def test_shared_packages_need_only_the_standard_library(package: str) -> None:
    """No module that both sides use imports a package that must be installed."""
    graph = grimp.build_graph("clientapp", include_external_packages=True, cache_dir=None)
    needed = {package, *graph.find_upstream_modules(package, as_package=True)}
    foreign = {name for name in needed if not name.startswith("clientapp.")}
    assert foreign - sys.stdlib_module_names == set()


def test_client_imports_without_django() -> None:
    """Every module of the client can be imported without Django."""
    program = """
import importlib, pkgutil, sys
sys.modules["django"] = None
import clientapp
for found in pkgutil.walk_packages(clientapp.__path__, "clientapp."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
"""
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("start", "needless"),
    [
        ("import django; django.setup(); import feeds.storing.reports", "twisted numpy faker rich"),
        ("import feeds.sources", "numpy faker"),
        ("import clientapp.cli", "clientapp.lab.swarm.command numpy scipy matplotlib"),
    ],
    ids=["clerk", "sources", "client"],
)
def test_no_large_package_is_imported_needlessly(start: str, needless: str) -> None:
    """A package that a process does not use costs it no start time and no memory."""
    program = f"{start}; import sys; print(*sys.modules.keys() & set({needless.split()}))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=CHECKOUT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "wsproject.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "\n"
