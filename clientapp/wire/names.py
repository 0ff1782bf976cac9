"""
The rules for names of clients, feeds and sessions.

Names appear in URLs, file names, terminals and channel group names, so they must
not contain a control character, a path separator or anything invisible.
"""

import re

MAX_BLOCK_SIZE = 100_000
"""The most messages in a block: the client keeps a block in memory."""
MAX_LABEL = 64
"""The most characters in a label: it is a name, not a text."""

BLANKS = "\u115f\u1160\u3164\uffa0"
"""The fillers of Hangul, the only letters of Unicode that are invisible."""
CLIENT_NAME = re.compile(rf"(?!.*[{BLANKS}])\w[\w .@+-]{{0,63}}")
FEED_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
SESSION_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
EPOCH = re.compile(r"[0-9a-f]{12}")
DIGEST = re.compile(r"[0-9a-f]{16}")
LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .:=@+-]{0,63}")
VERDICT = re.compile(r"[a-z_]{1,40}")

CLIENT_NAME_RULE = (
    "1 to 64 letters, digits, spaces and . _ @ + -, the first a letter, digit or _, "
    "the last not a space"
)
FEED_NAME_RULE = "1 to 40 lower-case letters, digits, - and _, the first a letter"
SESSION_KEY_RULE = "16 to 64 letters, digits, - and _"
LABEL_RULE = (
    f"1 to {MAX_LABEL} ASCII letters, digits, spaces and . _ : = @ + -, "
    "the first a letter, digit or _"
)
BLOCK_SIZE_RULE = f"a whole number from 1 to {MAX_BLOCK_SIZE}"


def is_client_name(name: str) -> bool:
    """Tell whether *name* may be the name of a client."""
    return CLIENT_NAME.fullmatch(name) is not None and not name.endswith(" ")


def is_feed_name(name: str) -> bool:
    """Tell whether *name* may be the name of a feed."""
    return FEED_NAME.fullmatch(name) is not None


def is_session_key(key: str) -> bool:
    """Tell whether *key* may be the key of a session."""
    return SESSION_KEY.fullmatch(key) is not None


def is_label(label: str) -> bool:
    """Tell whether *label* may name an experiment."""
    return LABEL.fullmatch(label) is not None


def key_prefix(key: str) -> str:
    """Return the part of a session key that may be shown."""
    return key[:8]
