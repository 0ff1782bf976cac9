"""
What Django checks before a command runs: settings that are not allowed.

A check names the setting, what is allowed, and what to do. What settings
cannot do without is refused earlier, by ``feeds.conf``.
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
    """Refuse an address of the channel layer that no driver understands."""
    try:
        locate(settings.REDIS_URL)
    except ImproperlyConfigured as error:
        hint = "Leave REDIS_URL unset for the embedded server."
        return [Error(str(error), hint=hint, id="feeds.E001")]
    return []


@register(Tags.security)
def check_secret_key(**_: Any) -> Sequence[CheckMessage]:
    """Refuse a key that can be guessed, where others can reach the server."""
    length = len(settings.SECRET_KEY)
    if settings.DEBUG or length >= SECRET_CHARACTERS:
        return []
    return [
        Error(
            f"SECRET_KEY has {length} characters; with DEBUG off it must have "
            f"{SECRET_CHARACTERS} at least.",
            hint="Leave SECRET_KEY unset, and one is made and kept in BLOCKFEED_VAR.",
            id="feeds.E002",
        )
    ]
