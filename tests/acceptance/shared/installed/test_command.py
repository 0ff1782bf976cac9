"""The installed command, in an empty folder with another project's environment."""

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.support.stack import CHECKOUT
from tests.support.wheel import UV, Installed, build, processes, uv
from tools.waiting import PATIENCE_SECONDS, until

MOST_BYTES = 2_000_000
"""The largest wheel that users should have to download."""


def check_everything(command: list[str], installed: Installed) -> None:
    """Start everything with *command*, receive a message, and leave nothing behind."""
    with subprocess.Popen(
        [*command, "--port", "0", "--rate", "100", "--json"],
        cwd=installed.folder,
        env=installed.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            told = json.loads(line)
            assert Path(told["var"]).parent == installed.temporary
            with connect(told["url"]) as client:
                message = json.loads(client.recv(timeout=PATIENCE_SECONDS))
            assert message["feed"] == "users"
            os.kill(told["pid"], signal.SIGINT)
            said = process.communicate(timeout=PATIENCE_SECONDS)[1]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    # The embedded Valkey ends a moment after its last user.
    until(lambda: not processes(installed.temporary), lambda: str(processes(installed.temporary)))
    assert list(installed.folder.iterdir()) == []
    assert list(installed.temporary.iterdir()) == []


def test_wheel_is_small_and_alone(wheel: Path) -> None:
    """The wheel has no top-level name but ours, no compiled Python, and at most 2 MB."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"blockfeed", f"{version(wheel)}.dist-info"}
    assert [name for name in names if name.endswith(".pyc")] == []
    assert "blockfeed/py.typed" in names
    assert wheel.stat().st_size < MOST_BYTES


def version(wheel: Path) -> str:
    """Return the name and version of a wheel."""
    return "-".join(wheel.name.split("-")[:2])


def test_wheel_has_the_compiled_pass(wheel: Path) -> None:
    """With a library from the compiler here, the wheel is for this platform and any Python 3."""
    libraries = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".so")]
    assert [name.rpartition("/")[0] for name in libraries] == ["blockfeed/_app/build"]
    assert re.fullmatch(r"blockfeed-[\d.]+-py3-none-(?!any)\w+\.whl", wheel.name)


def test_wheel_without_a_compiler_is_pure(tmp_path: Path) -> None:
    """Without a compiler the wheel is for any platform, and has no library."""
    pure = build(tmp_path, CC="/nonexistent/cc")
    assert pure.name.endswith("-py3-none-any.whl")
    assert [name for name in zipfile.ZipFile(pure).namelist() if name.endswith(".so")] == []


def test_requirements_are_ranges(wheel: Path) -> None:
    """Each requirement has a lower and an upper bound, and the version is the changelog's."""
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"{version(wheel)}.dist-info/METADATA").decode()
    metadata = message_from_string(text)
    needed = metadata.get_all("Requires-Dist") or []
    assert len(needed) > 20
    pattern = r"[\w.\[\]-]+<[\d.]+,>=[\d.]+(; .+)?"
    assert [one for one in needed if not re.fullmatch(pattern, one)] == []
    assert set(metadata.get_all("Provides-Extra") or []) == {"analysis", "embedded", "postgres"}
    releases = re.findall(
        r"^## \[(\d\S*)\] - ", (CHECKOUT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert metadata["Version"] == releases[0]


def test_everything_runs_and_ends_without_a_trace(installed: Installed) -> None:
    """`blockfeed` leaves no process and no file; another project's settings are left alone."""
    check_everything([str(installed.bin / "blockfeed")], installed)


@pytest.mark.parametrize(
    "line",
    ["uvx --from dist/blockfeed-*.whl blockfeed", "pipx run --spec dist/blockfeed-*.whl blockfeed"],
)
def test_one_line_runs_the_wheel(line: str, installed: Installed) -> None:
    """The lines of the README work in an empty folder."""
    words = line.replace("dist/blockfeed-*.whl", str(installed.wheel)).split()
    uvx = str(UV.with_name("uvx"))
    check_everything([uvx, *words] if words[0] == "pipx" else [uvx, *words[1:]], installed)


def test_commands_share_a_folder(installed: Installed, tmp_path: Path) -> None:
    """`manage`, `generate`, `serve`, `client` and `verify` pass through to the programs."""
    var = ("--var", str(tmp_path))
    installed.run("blockfeed", "manage", "migrate", "-v0", *var)
    installed.run("blockfeed", "generate", "--count=20", "--rate=1000", "--quiet", *var)
    shown = installed.run("blockfeed", "manage", "diffsettings", *var)
    assert "site-packages/blockfeed/_app" in shown
    log = tmp_path / "a.log"
    log.touch()
    assert "without a block" in installed.run("blockfeed", "verify", str(log))
    for name in ("serve", "generate", "client", "verify", "swarm", "analyse"):
        assert installed.run("blockfeed", name, "--help").startswith("usage: ")


def test_editable_install_uses_the_checkout(tmp_path: Path) -> None:
    """`pip install -e .` puts the package on the path; the application is the checkout."""
    venv = tmp_path / "venv"
    uv("venv", "--quiet", "--python", sys.executable, str(venv))
    python = str(venv / "bin" / "python")
    uv("pip", "install", "--quiet", "--no-deps", "--python", python, "--editable", str(CHECKOUT))
    done = subprocess.run(
        [python, "-c", "from blockfeed import application; print(application.folder())"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{CHECKOUT}\n"
