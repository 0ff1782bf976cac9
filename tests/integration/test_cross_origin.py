"""Access to this server from pages of other origins."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from feeds.conf import Environment
from tests.integration.test_settings import manage

STATUS = "/status.json"
SHOWN = """
import sys
from django.conf import settings
sys.exit(f"{settings.CORS_ALLOW_ALL_ORIGINS} {settings.CORS_ALLOWED_ORIGINS}")
"""
ELSEWHERE = "http://localhost:5173"
ALLOWED = "access-control-allow-origin"

pytestmark = pytest.mark.usefixtures("default_feeds")


def allowed(client: Client, path: str, origin: str = ELSEWHERE) -> str | None:
    """Return the origin that may read *path*, for a request from *origin*."""
    return client.get(path, headers={"origin": origin}).headers.get(ALLOWED)


def test_any_page_reads_the_status_in_development(client: Client, settings: Settings) -> None:
    """By default, with DEBUG on, every origin may read all pages outside the admin."""
    settings.CORS_ALLOW_ALL_ORIGINS = True
    assert allowed(client, STATUS) == "*"
    assert allowed(client, STATUS, "null") == "*"
    assert allowed(client, "/") == "*"


def test_admin_is_not_readable_from_other_origins(client: Client, settings: Settings) -> None:
    """The admin is limited to its own origin, and cookies are never allowed."""
    settings.CORS_ALLOW_ALL_ORIGINS = True
    answer = client.get(STATUS, headers={"origin": ELSEWHERE})
    assert "access-control-allow-credentials" not in answer.headers
    for path in ("/admin/login/", "/admin/dashboard.json"):
        assert allowed(client, path) is None


def test_only_named_origins_read_the_status(client: Client, settings: Settings) -> None:
    """If origins are named, only those may read; if none is named, none may."""
    settings.CORS_ALLOW_ALL_ORIGINS = False
    settings.CORS_ALLOWED_ORIGINS = [ELSEWHERE]
    assert allowed(client, STATUS) == ELSEWHERE
    assert allowed(client, STATUS, "http://localhost:5174") is None
    settings.CORS_ALLOWED_ORIGINS = []
    assert allowed(client, STATUS) is None


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "True []"),
        ({"DEBUG": "no"}, "False []"),
        ({"DEBUG": "no", "CORS_ALLOWED_ORIGINS": ELSEWHERE}, f"False ['{ELSEWHERE}']"),
        ({"DEBUG": "no", "CORS_ALLOWED_ORIGINS": "*"}, "True []"),
        ({"CORS_ALLOWED_ORIGINS": ELSEWHERE}, f"False ['{ELSEWHERE}']"),
    ],
    ids=range(5),
)
def test_setting_follows_debug(variables: dict[str, str], expected: str) -> None:
    """All origins are allowed with DEBUG on, and none with DEBUG off, unless a setting differs."""
    assert manage("shell", "-c", SHOWN, **variables) == (1, f"{expected}\n")


def test_origin_with_a_path_is_refused() -> None:
    """A value that could never match is refused."""
    with pytest.raises(SystemExit, match=r"'http://a/' in NAME is not allowed; use \* for all, or"):
        Environment({"NAME": "http://a/"}).cors_origins("NAME", "")
