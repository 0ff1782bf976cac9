"""
The guard of the pages outside the admin, which need a login or a token.

With ``PAGE_LOGIN``, pages are for people who are signed in to the admin. With ``ACCESS=token``,
records need a token or a signed-in person. A page that is not named here needs a login, so that a
new page is never open by mistake.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin

from clientapp.wire.errors import BadRequest
from clientapp.wire.token import offered_token
from feeds.access import register, tokens
from feeds.access.denial import Denial, NoToken
from feeds.access.grant import Grant
from feeds.conf import TOKEN
from feeds.pages.away import no_answer
from feeds.running.database import is_unavailable

PAGE = "page"
"""The page for people; programs and scripts read all others."""
RECORDS = frozenset({"feeds", "records", "schema", "asyncapi"})
"""The pages with facts about feeds and their messages."""
PAGE_KEY = "page"
"""The key in the tokens of the page's own client, which are not stored."""
PAGE_SECONDS = 3600
"""Validity of such a token: an hour, then the page must be loaded again."""


class Guard(MiddlewareMixin):
    """Middleware that refuses requests without the login or token that they need."""

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Return the refusal, or None if *request* may be answered."""
        match = request.resolver_match
        if match is None or match.route.startswith("admin/"):
            return None
        try:
            if match.url_name in RECORDS:
                return _records(request, kwargs.get("feed"))
            if settings.PAGE_LOGIN and not _is_staff(request):
                return _sign_in(request, match.url_name == PAGE)
        except Exception as error:
            if not is_unavailable(error):
                raise
            return JsonResponse({"error": no_answer(error)}, status=503)
        return None


def granted_feeds(request: HttpRequest) -> tuple[str, ...]:
    """Return the only feeds that the token of *request* allows; empty: all."""
    grant: Grant | None = getattr(request, "grant", None)
    return () if grant is None else grant.feeds


def page_token() -> str:
    """Return a token for the client in the page, for all feeds; "" if none is needed."""
    if settings.ACCESS != TOKEN:
        return ""
    return tokens.sign(Grant(key=PAGE_KEY, expires=int(time.time()) + PAGE_SECONDS))


def _records(request: HttpRequest, feed: str | None) -> HttpResponseBase | None:
    known = register.look(None)[1]
    assert known is not None
    try:
        client = ""
        if settings.ACCESS == TOKEN and (grant := _grant(request)) is not None:
            known.ensure_not_revoked(grant.key)
            if feed is not None:
                grant.ensure_covers([feed])
            client, request.grant = grant.client, grant  # type: ignore[attr-defined]
        known.ensure_not_banned(client, request.META.get("REMOTE_ADDR", ""))
    except (BadRequest, NoToken) as error:
        headers = {"WWW-Authenticate": "Bearer"}
        return JsonResponse({"error": str(error)}, status=401, headers=headers)
    except Denial as denial:
        return JsonResponse({"error": str(denial)}, status=403)
    return None


def _grant(request: HttpRequest) -> Grant | None:
    """Return the grant of the token in *request*; None if its user is signed in."""
    header = request.headers.get("Authorization", "")
    token = offered_token([header], (), request.META.get("QUERY_STRING", ""))
    if not token:
        if _is_staff(request):
            return None
        raise NoToken("this server needs a token, or a login to the admin")
    grant = tokens.read(token)
    grant.ensure_current(time.time())
    return grant


def _is_staff(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_staff)


def _sign_in(request: HttpRequest, is_page: bool) -> HttpResponseBase:  # noqa: FBT001
    if is_page:
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    return JsonResponse({"error": "sign in to the admin"}, status=403)
