"""The server's address, shown without its credentials."""

import copy
import json
from dataclasses import asdict, replace

import pytest

from clientapp.core.serverurl import ServerUrl, without_credentials
from clientapp.core.session import Session
from clientapp.wire import codec
from tests.support.block_logs import ALICE


@pytest.mark.parametrize(
    ("text", "shown", "credentials"),
    [
        ("ws://h/", "ws://h/", ""),
        ("ws://user:s3cret@h:8000/live/", "ws://h:8000/live/", "user:s3cret"),
        ("wss://user:p%40ss@[::1]:8000", "wss://[::1]:8000", "user:p%40ss"),
        ("ws://user:a@b@h/x@y", "ws://h/x@y", "user:a@b"),
        ("ws://:@h/", "ws://h/", ":"),
    ],
)
def test_credentials_are_kept_apart(text: str, shown: str, credentials: str) -> None:
    """The text has no credentials; the full address is the one that was given."""
    url = ServerUrl(text)
    assert (url, url.credentials, url.full) == (shown, credentials, text)
    assert ServerUrl(url).full == text
    assert copy.deepcopy(url).full == text


def test_session_hides_the_password() -> None:
    """Neither the log line of a session, new or old, nor its identity has the credentials."""
    first, second = (
        replace(ALICE, url=ServerUrl(f"ws://user:{word}@h/")) for word in ("s3cret", "changed")
    )
    assert first.differences(second) == []
    assert "s3cret" not in codec.encode(first.write()) + str(first) + repr(first)
    old = json.loads(codec.encode(first.write())) | {"url": "ws://user:s3cret@h/"}
    assert asdict(Session.read(old))["url"] == "ws://h/"


def test_library_messages_lose_their_credentials() -> None:
    """A message that repeats an address is shown without the credentials."""
    said = "http://user:s3cret@proxy:1 isn't a valid proxy, nor is ws://a:b@c/d@e"
    assert without_credentials(said) == "http://proxy:1 isn't a valid proxy, nor is ws://c/d@e"
