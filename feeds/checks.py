"""
System checks of the settings, which Django runs before a command.

A check names the setting, what is allowed, and what to do. Values without
which the settings cannot load are refused earlier, by ``feeds.conf``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from feeds.conf import SECRET_CHARACTERS
from feeds.layer.channel_layer import locate


@register(Tags.compatibility)
def check_layer(**_: Any) -> Sequence[CheckMessage]:
    """Report an error for a channel layer address that no driver supports."""
    try:
        locate(settings.REDIS_URL)
    except ImproperlyConfigured as error:
        hint = "Leave REDIS_URL unset for the embedded server."
        return [Error(str(error), hint=hint, id="feeds.E001")]
    return []


@register(Tags.security)
def check_secret_key(**_: Any) -> Sequence[CheckMessage]:
    """Report an error for a guessable key, unless DEBUG is on."""
    length = len(settings.SECRET_KEY)
    if settings.DEBUG or length >= SECRET_CHARACTERS:
        return []
    return [
        Error(
            f"SECRET_KEY has {length} characters; with DEBUG off it must have at least "
            f"{SECRET_CHARACTERS}.",
            hint="Leave SECRET_KEY unset to have one generated and kept in BLOCKFEED_VAR.",
            id="feeds.E002",
        )
    ]


@register(Tags.security)
def check_https(**_: Any) -> Sequence[CheckMessage]:
    """Report an error if pages would be redirected to themselves for ever."""
    if settings.BEHIND_TLS_PROXY or not (
        settings.SECURE_SSL_REDIRECT or settings.SECURE_HSTS_SECONDS
    ):
        return []
    return [
        Error(
            "HTTPS_REDIRECT and HSTS_SECONDS need BEHIND_TLS_PROXY: without it the server takes "
            "every request for http://.",
            hint="Set BEHIND_TLS_PROXY=true behind a TLS proxy; otherwise leave both unset.",
            id="feeds.E003",
        )
    ]
