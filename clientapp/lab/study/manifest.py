"""The manifest of a report: its time, machine and versions."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("websockets", "numpy", "scipy", "matplotlib")
CPUINFO = Path("/proc/cpuinfo")


def manifest(command: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the facts about a report, in order, as text."""
    return {
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        "command": command,
        **{name: str(value) for name, value in facts.items()},
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": platform.platform(terse=True),
        "Python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
    }


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", CPUINFO.read_text("utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()
