"""The requests that the server's log shows."""

import logging

import pytest
from django.core.management.color import no_style

from feeds.management.requestlog import RequestLog


def log_request(path: str, status: int) -> None:
    """Report one finished HTTP request, as Daphne does."""
    details = {
        "path": path,
        "status": status,
        "method": "GET",
        "time_taken": 0.02,
        "client": "127.0.0.1:50000",
    }
    RequestLog(no_style())("http", "complete", details)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/status.json", 200),
        ("/status.json?feed=users", 503),
        ("/admin/dashboard.json?hours=1", 200),
        ("/admin/feeds/clientsession/rows.json?ids=1,2", 403),
        ("/static/feeds/page.js", 200),
    ],
)
def test_routine_requests_of_open_pages_are_not_logged(
    path: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The log does not show polling by open pages, nor static files that were found."""
    with caplog.at_level(logging.INFO, logger="django.channels.server"):
        log_request(path, status)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("path", "status", "level"),
    [
        ("/", 200, logging.INFO),
        ("/static/feeds/nothing.js", 404, logging.WARNING),
        ("/admin/", 500, logging.ERROR),
    ],
)
def test_other_requests_are_logged_with_their_level(
    path: str, status: int, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The line names the path, the status and the client."""
    with caplog.at_level(logging.INFO, logger="django.channels.server"):
        log_request(path, status)
    line = f"HTTP GET {path} {status} [0.02, 127.0.0.1:50000]"
    assert [(one.levelno, one.getMessage()) for one in caplog.records] == [(level, line)]


@pytest.mark.parametrize("path", ["/?session=SECRET", "/?sesion=SECRET", "/?next=/status.json"])
def test_query_is_not_logged(path: str, caplog: pytest.LogCaptureFixture) -> None:
    """A session key in an address is not logged, even in a misspelt parameter."""
    with caplog.at_level(logging.INFO, logger="django.channels.server"):
        log_request(path, 200)
    assert caplog.messages == ["HTTP GET / 200 [0.02, 127.0.0.1:50000]"]
