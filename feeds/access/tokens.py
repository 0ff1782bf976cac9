"""
Tokens: signed grants, which a server checks without the database.

They are signed with ``SECRET_KEY``; Django also accepts those signed with one of
``SECRET_KEY_FALLBACKS``.
"""

from __future__ import annotations

from django.core.signing import BadSignature, Signer

from clientapp.wire.token import MARK
from feeds.access.denial import NoToken
from feeds.access.grant import Grant

SEPARATOR = "."
"""Django's own, a colon, is illegal in a subprotocol."""
SALT = "blockfeed.token"


def sign(grant: Grant) -> str:
    """Return the token for *grant*."""
    return f"{MARK}{_signer().sign_object(grant.write())}"


def read(token: str) -> Grant:
    """Return the grant of *token*; raises NoToken unless its signature is ours."""
    try:
        return Grant.read(_signer().unsign_object(token.removeprefix(MARK)))
    except BadSignature:
        raise NoToken("the token was not issued by this server") from None


def _signer() -> Signer:
    return Signer(sep=SEPARATOR, salt=SALT)
