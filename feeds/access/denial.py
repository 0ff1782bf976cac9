"""Reasons to deny access, as sentences for the client."""

from __future__ import annotations


class Denial(Exception):
    """
    Access is denied; the text is a sentence for the client.

        Denial
        ├── NoToken         a token is needed, and none is valid
        ├── NotGranted      the token does not cover it; or a ban, or a foreign origin
        ├── AllInUse        the token has as many connections as it allows
        └── NotKnownYet     the database has not said yet which tokens are revoked
    """


class NoToken(Denial):
    """No valid token was sent."""


class NotGranted(Denial):
    """The client may not receive what it requests."""


class AllInUse(Denial):
    """The token has as many connections as it allows; one may end."""


class NotKnownYet(Denial):
    """The database has not said yet which tokens are revoked."""
