"""The settings, and what the system provides: address, files, permissions, compiled code."""

from __future__ import annotations

import ipaddress
import json
import resource
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from django.conf import settings
from django.core.checks import ERROR, run_checks

from feeds.core.limits import LIMITS, SPARE_FILES
from feeds.doctor.finding import Finding, good, warning, wrong
from feeds.fanout.passes import best_pass, python_pass

ANSWER_SECONDS = 3.0
"""Longest wait for a server that listens at the address."""
LITTLE_BYTES, TOO_LITTLE_BYTES = 10**9, 10**8
"""Free space for a warning, and for a problem: a busy server stores 100 MB a minute."""
OWNER_ONLY = 0o077
"""The permissions of all users but the owner."""
SECRETS = ("secret_key", "admin_password", "set_aside.jsonl")
"""Files in the folder of local state that only their owner may read."""


def examine_settings() -> Iterator[Finding]:
    """Run Django's checks, with ours."""
    found = run_checks()
    for one in found:
        make = wrong if one.level >= ERROR else warning
        yield make("settings", str(one.msg), str(one.hint or "See docs/reference/settings.md."))
    if not found:
        yield good("settings", "every check passes")


def examine_address(host: str, port: int) -> Iterator[Finding]:
    """Look at the address of the server, and at settings that are dangerous on a public one."""
    is_local = host == "localhost" or _is_loopback(host)
    if settings.DEBUG and not is_local:
        yield wrong(
            "DEBUG",
            f"it is on, and others can reach {host}: error pages reveal code and settings",
            "Set DEBUG=false.",
        )
    elif settings.DEBUG:
        yield warning("DEBUG", "it is on", "Set DEBUG=false wherever others reach the server.")
    else:
        yield good("DEBUG", "it is off")
    hosts = [
        one for one in settings.ALLOWED_HOSTS if one not in {"localhost", "127.0.0.1", "[::1]"}
    ]
    if not is_local and not hosts:
        yield wrong(
            "hosts",
            "the server answers to localhost only; any other name gets status 400",
            "Set ALLOWED_HOSTS to its public names.",
        )
    yield _examine_port(host, port)


def examine_folder() -> Iterator[Finding]:
    """Look at the folder of local state: space, and permissions of its files."""
    folder = settings.VAR_DIR
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        fix = f"Run: chmod go-w {folder}"
        yield wrong("folder", f"other users can write to {folder} (mode {mode:o})", fix)
    open_ = [name for name in SECRETS if _is_open(folder / name)]
    for name in open_:
        path = folder / name
        yield wrong("folder", f"other users can read {path}", f"Run: chmod 600 {path}")
    if not open_ and not mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield good("folder", f"{folder}, for its owner")
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:,.1f} GB free"
    fix = "Delete old data (manage.py prune), or enlarge the disk."
    if free < TOO_LITTLE_BYTES:
        yield wrong("disk", text, fix)
    elif free < LITTLE_BYTES:
        yield warning("disk", text, fix)
    else:
        yield good("disk", text)


def examine_process() -> Iterator[Finding]:
    """Look at the limit of open files, and at the compiled code."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < LIMITS.connections + SPARE_FILES:
        yield warning(
            "open files",
            f"a process may open {most:,}, so it serves fewer than {LIMITS.connections:,} clients",
            "Raise the hard limit: LimitNOFILE in a systemd unit, or ulimit -Hn.",
        )
    else:
        yield good("open files", f"enough for {LIMITS.connections:,} clients")
    if not settings.COMPILED_PASS:
        fix = "Unset COMPILED_PASS to deliver a sixth more from each core."
        yield warning("compiled pass", "switched off by COMPILED_PASS", fix)
    elif best_pass() is python_pass:
        yield warning(
            "compiled pass",
            "there is none for this source and platform",
            "Install a C compiler and run: python -m tools.compile",
        )
    else:
        yield good("compiled pass", "it can be loaded")


def _examine_port(host: str, port: int) -> Finding:
    named = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if _is_server(host, port):
            return good("address", f"a server answers at {named}")
        fix = "End the program that uses it, or choose another address with --bind."
        return wrong("address", f"cannot listen at {named}: {error.strerror}", fix)
    return good("address", f"{named} is free; no server runs there")


def _is_server(host: str, port: int) -> bool:
    """Tell whether one of our servers answers at an address."""
    nearest = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  only compared
    try:
        with closing(HTTPConnection(nearest, port, timeout=ANSWER_SECONDS)) as connection:
            connection.request("GET", "/healthz")
            return bool(json.loads(connection.getresponse().read()) == {"alive": True})
    except (OSError, HTTPException, ValueError):
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_open(path: Path) -> bool:
    return path.exists() and bool(path.stat().st_mode & OWNER_ONLY)
