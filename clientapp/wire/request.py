"""
A client's request, which is entirely in the URL of its connection.

So any WebSocket client works at once, and there is no handshake state.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlencode

from . import PLAIN_SUBPROTOCOL, SUBPROTOCOL, names
from .errors import BadRequest
from .position import MAX_OFFSET, Position, format_after, parse_after, parse_at
from .token import PARAMETER as TOKEN

DEFAULT_CLIENT = "guest"
DEFAULT_FEEDS = ("users",)
MAX_FEEDS = 16
"""The most feeds of one session: each costs a cursor and a control group."""
MAX_QUERY = 8192
"""The most characters of a query string: a longer one is refused unread."""
MAX_FIELDS = 64
"""The most parameters of a query string."""
PARAMETERS = ("client", "feed", "block_size", "session", "after", "at", "from", TOKEN)
FROM_START = "start"
"""The value of ``from`` for the first message of each feed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The request of one connection."""

    client: str = DEFAULT_CLIENT
    """The client's name, chosen by itself; need not be unique."""
    feeds: tuple[str, ...] = DEFAULT_FEEDS
    """The requested feeds, each once, in the order requested."""
    block_size: int = 1
    """Messages in one block of this client."""
    declares_size: bool = True
    """Whether the URL names the block size; a plain client may leave it out."""
    session: str | None = None
    """The key of the session to resume; None: the server creates one."""
    after: Mapping[str, Position] = field(default_factory=dict)
    """Per feed the position to resume after; a feed left out starts live."""
    first: int | None = None
    """The offset to begin with in every feed; None: live, or after `after`."""
    unknown: tuple[str, ...] = ()
    """Names of parameters unknown to the protocol; they are ignored."""

    def query(self) -> str:
        """
        Return the query string that `parse_request` reads as this request.

        Unknown parameters are left out.
        """
        pairs = [("client", self.client)]
        pairs += [("feed", name) for name in self.feeds]
        pairs.append(("block_size", str(self.block_size)))
        if self.session is not None:
            pairs.append(("session", self.session))
        pairs += [("after", format_after(feed, at)) for feed, at in self.after.items()]
        # A separate parameter, which older servers ignore.
        pairs += [("at", f"{feed}:{at.at}") for feed, at in self.after.items() if at.at is not None]
        if self.first is not None:
            pairs.append(("from", str(self.first)))
        return urlencode(pairs)


def parse_request(query: str) -> Request:
    """
    Read the query string of a connection's URL.

    Every parameter has a default. Raises BadRequest with a sentence that names
    the value and the rule.
    """
    if len(query) > MAX_QUERY:
        raise BadRequest(f"the query string has {len(query)} characters; {MAX_QUERY} are allowed")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise BadRequest(f"the query string cannot be read: {error}") from None
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    _single(given, TOKEN, "")  # the token is not part of the request
    feeds = tuple(given.get("feed", DEFAULT_FEEDS))
    request = Request(
        client=_single(given, "client", DEFAULT_CLIENT),
        feeds=feeds,
        block_size=_block_size(_single(given, "block_size", "1")),
        session=_single(given, "session", "") or None,
        declares_size="block_size" in given,
        after=_after(given.get("after", ()), given.get("at", ())),
        first=_first(_single(given, "from", "")),
        unknown=tuple(name for name in given if name not in PARAMETERS),
    )
    _check(request)
    return request


def speaks_protocol(offered: Collection[str], query: str) -> bool:
    """
    Tell whether a client speaks the protocol, that is, offers it or names a session.

    Every other client is plain, and receives messages only; this includes clients that offer the
    plain subprotocol. *offered* are subprotocols; *query* may be any text, even one that
    `parse_request` refuses.
    """
    if SUBPROTOCOL in offered:
        return True
    if PLAIN_SUBPROTOCOL in offered:
        return False
    if "session" not in query and "%" not in query:
        return False  # avoids the parsing for most plain clients
    try:
        pairs = parse_qsl(query, max_num_fields=MAX_FIELDS)
    except ValueError:
        return False
    return any(name == "session" for name, _ in pairs)


def _single(given: Mapping[str, list[str]], name: str, default: str) -> str:
    values = given.get(name, [default])
    if len(values) > 1:
        raise BadRequest(f"{name} is given {len(values)} times; once is allowed")
    return values[0]


def _block_size(text: str) -> int:
    size = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
    if not 1 <= size <= names.MAX_BLOCK_SIZE:
        raise BadRequest(f"block_size={text[:40]!r} is not allowed: {names.BLOCK_SIZE_RULE}")
    return size


def _after(texts: Iterable[str], times: Iterable[str]) -> dict[str, Position]:
    after: dict[str, Position] = {}
    for text in texts:
        feed, position = parse_after(text)
        if feed in after:
            raise BadRequest(f"after={text!r} is not allowed: {feed!r} has a position already")
        after[feed] = position
    for text in times:
        feed, at = parse_at(text)
        if feed not in after or after[feed].at is not None:
            raise BadRequest(f"at={text!r} is not allowed: it needs one after={feed}:EPOCH:OFFSET")
        after[feed] = replace(after[feed], at=at)
    return after


def _first(text: str) -> int | None:
    if text in ("", FROM_START):
        return 1 if text else None
    offset = int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else 0
    if not 1 <= offset <= MAX_OFFSET:
        raise BadRequest(
            f"from={text[:40]!r} is not allowed: write {FROM_START}, "
            f"or the offset of the first message wanted, from 1 to {MAX_OFFSET}"
        )
    return offset


def _check(request: Request) -> None:
    if not names.is_client_name(request.client):
        raise BadRequest(f"client={request.client[:80]!r} is not allowed: {names.CLIENT_NAME_RULE}")
    if len(request.feeds) > MAX_FEEDS:
        raise BadRequest(f"{len(request.feeds)} feeds are requested; {MAX_FEEDS} are allowed")
    for feed in request.feeds:
        if not names.is_feed_name(feed):
            raise BadRequest(f"feed={feed[:80]!r} is not allowed: {names.FEED_NAME_RULE}")
        if request.feeds.count(feed) > 1:
            raise BadRequest(f"feed={feed!r} is given twice; once is allowed")
    for feed in request.after:
        if feed not in request.feeds:
            raise BadRequest(f"after={feed}:… needs feed={feed}")
    if request.first is not None and request.after:
        raise BadRequest(
            "from= and after= are both given; write after= to resume or from= to begin"
        )
    if request.session is not None and not names.is_session_key(request.session):
        # Most of the text may be a key that is a secret.
        shown = f"{names.key_prefix(request.session)!r}… ({len(request.session)} characters)"
        raise BadRequest(f"session={shown} is not allowed: {names.SESSION_KEY_RULE}")
