"""
The stored form of session keys, which does not reveal them.

A session key is a secret of its client: it allows resuming the session. The server
needs to recognise a key, not to know it. So a key is replaced by its stored form as
soon as its connection is admitted: in the database, in facts, in logs and in files.

The hash is a quick one. Of the 128 random bits of a key that our clients or the server
generate, 80 are not in the prefix, so nobody finds it by trying. A client may choose
its key. If that can be guessed, anyone who has the hash can check a guess.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256

from clientapp.wire.names import key_prefix

SEPARATOR = "."
"""Between prefix and hash. It is not allowed in a key, so no stored form is a key itself."""


def stored_key(key: str) -> str:
    """
    Return the form in which *key* is stored: its prefix, for people, and its SHA-256.

    It has at most 52 characters. `key_prefix` returns the same of both forms. Stored rows
    depend on the result, so it must never change.
    """
    digest = urlsafe_b64encode(sha256(key.encode()).digest()).decode().rstrip("=")
    return f"{key_prefix(key)}{SEPARATOR}{digest}"


def is_stored_form(key: str) -> bool:
    """Tell whether *key* is a stored form."""
    return SEPARATOR in key
