"""
The logs of all programs: their form and their level.

A terminal shows the time of day and the message. A service needs the date, the level,
the part of the program and the session as well, on one line or as JSON.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from clientapp.wire.token import redacted

FORMS = "short", "long", "json"
"""The allowed values of LOG_FORMAT."""
LEVELS = "debug", "info", "warning", "error"
"""The allowed values of LOG_LEVEL."""
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
"""A time in UTC."""
NO_SESSION = "-"


def configuration(form: str, level: str) -> dict[str, Any]:
    """
    Return Django's setting LOGGING.

    *form* is one of `FORMS`, *level* one of `LEVELS`: less important lines are left out.
    """
    handlers = ["console"]
    # Below WARNING, Daphne's lines concern only its own developers.
    quiet = "WARNING" if level in {"debug", "info"} else level.upper()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"chosen": {"()": "feeds.logs.Discreet", "form": form}},
        "handlers": {"console": {"class": "feeds.logwriter.LogWriter", "formatter": "chosen"}},
        "filters": {"wrong_host": {"()": "feeds.running.wrong_host.WrongHost"}},
        # Anything else, such as errors of asyncio, has the same form.
        "root": {"handlers": handlers, "level": "WARNING"},
        "loggers": {
            # Below INFO, Django logs each query and each variable of a template.
            "django": {
                "handlers": handlers,
                "level": "INFO" if level == "debug" else level.upper(),
                "propagate": False,
            },
            "feeds": {"handlers": handlers, "level": level.upper(), "propagate": False},
            "django.request": {"handlers": handlers, "level": "ERROR", "propagate": False},
            "django.security.DisallowedHost": {
                "handlers": handlers,
                "filters": ["wrong_host"],
                "propagate": False,
            },
            "django.channels.server": {
                "handlers": handlers,
                "level": level.upper(),
                "propagate": False,
            },
            "daphne": {"handlers": handlers, "level": quiet, "propagate": False},
        },
    }


class Discreet(logging.Formatter):
    """The formatter of a form, without the tokens in its lines and tracebacks."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._form = FORMATTERS[form]()

    def format(self, record: logging.LogRecord) -> str:
        """Return *record* in its form."""
        return redacted(self._form.format(record))


def short_formatter() -> logging.Formatter:
    """Return a formatter for terminals: the time of day and the message."""
    return logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S")


def long_formatter() -> logging.Formatter:
    """Return a formatter of lines with date, level, logger, session and message."""
    line = "%(asctime)s %(levelname)s %(name)s %(session)s %(message)s"
    formatter = logging.Formatter(line, MOMENT, defaults={"session": NO_SESSION})
    formatter.converter = time.gmtime
    return formatter


def json_formatter() -> logging.Formatter:
    """Return a formatter of JSON objects, one per line; a traceback is a member of its object."""
    # Only programs that write JSON need to import it.
    from pythonjsonlogger.json import JsonFormatter  # noqa: PLC0415

    formatter = JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s",
        MOMENT,
        rename_fields={
            "asctime": "time",
            "levelname": "level",
            "name": "logger",
            "exc_info": "traceback",
        },
        json_ensure_ascii=False,
    )
    formatter.converter = time.gmtime
    return formatter


FORMATTERS: dict[str, Callable[[], logging.Formatter]] = {
    "short": short_formatter,
    "long": long_formatter,
    "json": json_formatter,
}
