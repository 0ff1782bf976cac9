"""Log lines about requests for a host that the server does not answer to."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from feeds.running.wrong_host import LONGEST, WrongHost

LOGGER = "django.security.DisallowedHost"


def record(text: str) -> logging.LogRecord:
    """Return a record as Django logs it, with its traceback."""
    error = (ValueError, ValueError(text), None)
    return logging.LogRecord(LOGGER, logging.ERROR, __file__, 1, text, (), error)


def test_log_names_the_setting(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """The answer is 400, and one line says which setting to extend."""
    logger = logging.getLogger(LOGGER)
    logger.addHandler(caplog.handler)
    try:
        for _ in range(3):
            assert client.get("/status.json", headers={"host": "feeds.example"}).status_code == 400
    finally:
        logger.removeHandler(caplog.handler)
    sentence = "You may need to add 'feeds.example' to ALLOWED_HOSTS."
    assert caplog.messages == [f"Invalid HTTP_HOST header: 'feeds.example'. {sentence}"]
    assert caplog.records[0].exc_info is None


def test_line_reaches_the_console() -> None:
    """The settings give the line a handler."""
    logging_settings: Any = settings.LOGGING
    assert logging_settings["loggers"][LOGGER] == {
        "handlers": ["console"],
        "filters": ["wrong_host"],
        "propagate": False,
    }


def test_foreign_hosts_cannot_fill_the_log() -> None:
    """A line is bounded, and each host is logged once."""
    keeps = WrongHost().filter
    first = record("x" * 5000)
    assert keeps(first)
    assert len(first.getMessage()) == LONGEST
    assert not keeps(record("x" * 5000))
    assert keeps(record("y"))
