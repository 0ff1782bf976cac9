"""The forms of the logs."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from feeds import logs


def record(message: str, **more: object) -> logging.LogRecord:
    """Return a record of the first second of 2026, with *more* attributes."""
    made = logging.LogRecord("feeds.clients", logging.INFO, __file__, 1, message, ("bob",), None)
    made.created = 1_767_225_600.0
    made.__dict__.update(more)
    return made


def test_long_line_has_date_level_logger_and_session() -> None:
    """The time is in UTC; a line without a session has a dash in its place."""
    form = logs.long_formatter()
    assert form.format(record("%s left", session="2OJqXaaH")) == (
        "2026-01-01T00:00:00Z INFO feeds.clients 2OJqXaaH bob left"
    )
    assert form.format(record("%s left")).split()[3] == "-"


def test_json_line_has_the_same_members() -> None:
    """Each record is one object on one line, even with line breaks or other alphabets in it."""
    line = logs.json_formatter().format(record("%s says: ü\nx", session="2OJqXaaH"))
    assert "\n" not in line
    assert "ü" in line
    assert json.loads(line) == {
        "time": "2026-01-01T00:00:00Z",
        "level": "INFO",
        "logger": "feeds.clients",
        "message": "bob says: ü\nx",
        "session": "2OJqXaaH",
    }


def test_json_line_has_the_traceback() -> None:
    """A traceback is a member, not further lines."""
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("wet")
    broken = record("%s failed", exc_info=(caught.type, caught.value, caught.tb))
    line = logs.json_formatter().format(broken)
    assert "\n" not in line
    assert json.loads(line)["traceback"].splitlines()[-1].startswith("ValueError: invalid")


@pytest.mark.parametrize("form", logs.FORMS)
def test_no_line_has_a_token(form: str) -> None:
    """Tokens are hidden in messages, arguments and tracebacks, in every form."""
    try:
        int("bft_eyJrIjoiYSJ9.aB-_9")
    except ValueError:
        broken = logging.LogRecord("feeds", 40, "", 0, "bft_a.b %s", ("bft_c.d",), sys.exc_info())
    line = logs.Discreet(form).format(broken)
    assert "bft_" not in line
    assert line.count("***") >= 3


@pytest.mark.parametrize("form", logs.FORMS)
@pytest.mark.parametrize("level", logs.LEVELS)
def test_every_form_and_level_can_be_configured(form: str, level: str) -> None:
    """Each named formatter exists, and our loggers have the level."""
    chosen = logs.configuration(form, level)
    assert chosen["formatters"]["chosen"] == {"()": "feeds.logs.Discreet", "form": form}
    assert chosen["loggers"]["feeds"]["level"] == level.upper()
