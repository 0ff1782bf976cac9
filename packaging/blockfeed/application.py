"""
The application, and the environment in which its programs run.

The application is a folder in the shape of the checkout. Its programs get the variables that
this module lists and no others, so that a setting of another project, such as ``DATABASE_URL``
or ``DJANGO_SETTINGS_MODULE``, never becomes a setting of Blockfeed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

PREFIX = "BLOCKFEED_"
"""The prefix of our variables, which are kept; `BLOCKFEED_X` also sets the setting X."""
SETTINGS = (
    "ACCESS",
    "ALLOWED_HOSTS",
    "BEHIND_TLS_PROXY",
    "COMPILED_PASS",
    "CORS_ALLOWED_ORIGINS",
    "CSRF_TRUSTED_ORIGINS",
    "DATABASE_URL",
    "DEBUG",
    "HSTS_SECONDS",
    "HTTPS_REDIRECT",
    "KEEP_CONNECTIONS_DAYS",
    "KEEP_CONNECTIONS_ROWS",
    "KEEP_MEGABYTES",
    "KEEP_MESSAGES_DAYS",
    "KEEP_MESSAGES_ROWS",
    "KEEP_REPORTS_DAYS",
    "KEEP_REPORTS_ROWS",
    "KEEP_SAMPLES_DAYS",
    "KEEP_SAMPLES_ROWS",
    "KEEP_SESSIONS_DAYS",
    "KEEP_SESSIONS_ROWS",
    "KEEP_SESSION_REPORTS",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "METRICS",
    "PATH_PREFIX",
    "PAGE_LOGIN",
    "REDIS_URL",
    "SECRET_KEY",
    "WARN_FREE_MEGABYTES",
    "WEBSOCKET_ORIGINS",
)
"""The settings of docs/reference/settings.md: ``BLOCKFEED_DATABASE_URL`` sets ``DATABASE_URL``."""
KEPT = (
    # programs and files
    *("HOME", "LOGNAME", "PATH", "SHELL", "TMPDIR", "USER", "LD_LIBRARY_PATH"),
    # language, time and the terminal
    *("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LC_NUMERIC", "LC_TIME", "TZ"),
    *("COLORTERM", "COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "TERM"),
    # the browser that --open starts
    *("BROWSER", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"),
    "XDG_RUNTIME_DIR",
    # sockets that systemd passes
    *("LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID"),
    # the network, for clients
    *("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_DIR", "SSL_CERT_FILE"),
    *("all_proxy", "https_proxy", "http_proxy", "no_proxy"),
    # numpy
    *("OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS"),
)
"""Variables of the user's system that are kept."""


def folder() -> Path:
    """Return the folder of the application: in this package, or the checkout around it."""
    here = Path(__file__).resolve().parent
    inside = here / "_app"
    return inside if (inside / "manage.py").exists() else here.parents[1]


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """
    Return the environment of the application's programs, taken from *given*.

    None: the environment of this process. No module of the current folder can be imported by
    mistake.
    """
    given = os.environ if given is None else given
    ours = {name: value for name, value in given.items() if name.startswith(PREFIX)}
    return {
        **{name: given[name] for name in KEPT if name in given},
        **ours,
        **{name: ours[PREFIX + name] for name in SETTINGS if PREFIX + name in ours},
        "BLOCKFEED_PROGRAM": "blockfeed",
        "PYTHONPATH": str(folder()),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
    }


def command(*arguments: str) -> list[str]:
    """Return the command that runs Python with *arguments*."""
    return [sys.executable, *arguments]
