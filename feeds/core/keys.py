"""
The stored form of session keys, which does not reveal them.

A session key is a secret of its client: it allows resuming the session. The server has to
recognise a key, but not to know it. So it replaces a key by its stored form as soon as it admits
the connection: in the database, in facts, in logs and in files.

The hash is a quick one. Our clients and the server generate keys of 128 random bits. 80 of them
are not in the prefix, so nobody finds a key by trying. If a client chooses a key that can be
guessed, anyone who has the hash can check the guess.
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

    The stored form has at most 52 characters. `key_prefix` returns the same prefix for both
    forms. Stored rows
    depend on the result, so it must never change.
    """
    digest = urlsafe_b64encode(sha256(key.encode()).digest()).decode().rstrip("=")
    return f"{key_prefix(key)}{SEPARATOR}{digest}"


def is_stored_form(key: str) -> bool:
    """Tell whether *key* is a stored form."""
    return SEPARATOR in key
