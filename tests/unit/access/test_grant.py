"""The contents of tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clientapp.wire.request import Request
from feeds.access.denial import NotGranted, NoToken
from feeds.access.grant import Grant

FULL = Grant(key="a1", client="alice", feeds=("users", "arrays"), connections=2, expires=100)


@pytest.mark.parametrize("grant", [FULL, Grant(key="a1")])
def test_grant_is_read_as_it_was_written(grant: Grant) -> None:
    """A grant is read as it was written; limits that it does not have are not written."""
    assert Grant.read(grant.write()) == grant
    assert len(grant.write()) == (5 if grant is FULL else 1)


def test_grant_ends_at_its_time() -> None:
    """A grant is valid up to the second in which it expires, or for ever."""
    FULL.ensure_current(99.9)
    Grant(key="a1").ensure_current(1e12)
    with pytest.raises(NoToken, match="has expired"):
        FULL.ensure_current(100.0)


@pytest.mark.parametrize(
    ("client", "feeds", "name"),
    [("alice", ("users",), "alice"), ("guest", ("arrays", "users"), "alice")],
)
def test_client_without_a_name_gets_that_of_the_grant(
    client: str, feeds: tuple[str, ...], name: str
) -> None:
    """The request is granted under the name in the grant."""
    request = Request(client=client, feeds=feeds)
    assert FULL.named(request) == replace(request, client=name)


@pytest.mark.parametrize(
    ("client", "feeds", "sentence"),
    [
        ("bob", ("users",), "the token is for client 'alice', not 'bob'"),
        ("alice", ("users", "other"), "not for feed 'other'; it is for users and arrays"),
    ],
)
def test_other_requests_are_not_granted(client: str, feeds: tuple[str, ...], sentence: str) -> None:
    """The refusal names the feeds or the client that the token allows."""
    with pytest.raises(NotGranted, match=sentence):
        FULL.named(Request(client=client, feeds=feeds))


def test_grant_without_limits_covers_everything() -> None:
    """Any client may have any feed."""
    request = Request(client="bob", feeds=("other",))
    assert Grant(key="a1").named(request) == request
