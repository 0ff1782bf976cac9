"""The request that a connection makes by its URL."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.wire import names
from clientapp.wire.codec import MAX_INTEGER
from clientapp.wire.errors import BadRequest
from clientapp.wire.from_server import Failure
from clientapp.wire.position import MAX_OFFSET, Position
from clientapp.wire.request import (
    MAX_FEEDS,
    MAX_QUERY,
    PARAMETERS,
    Request,
    parse_request,
    speaks_protocol,
)

EPOCH = "0123456789ab"


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Draw any valid request of a client."""
    feed = st.from_regex(names.FEED_NAME, fullmatch=True)
    feeds = draw(st.lists(feed, min_size=1, max_size=MAX_FEEDS, unique=True))
    position = st.builds(
        Position,
        st.from_regex(names.EPOCH, fullmatch=True),
        st.integers(0, MAX_OFFSET),
        st.none() | st.integers(0, MAX_INTEGER),
    )
    client = st.from_regex(names.CLIENT_NAME, fullmatch=True).filter(names.is_client_name)
    after = draw(st.dictionaries(st.sampled_from(feeds), position))
    return Request(
        client=draw(client),
        feeds=tuple(feeds),
        block_size=draw(st.integers(1, names.MAX_BLOCK_SIZE)),
        session=draw(st.none() | st.from_regex(names.SESSION_KEY, fullmatch=True)),
        after=after,
        first=None if after else draw(st.none() | st.integers(1, MAX_OFFSET)),
    )


@given(requests())
def test_requests_survive_a_round_trip(request: Request) -> None:
    """A server reads from the URL exactly what the client requested."""
    assert parse_request(request.query()) == request


def test_every_parameter_has_a_default() -> None:
    """A bare connection requests users in blocks of one, from now on."""
    expected = Request(
        client="guest",
        feeds=("users",),
        block_size=1,
        declares_size=False,
        session=None,
        after={},
        first=None,
    )

    assert parse_request("") == parse_request("session=&from=") == expected


def test_from_start_is_from_the_first_message() -> None:
    """A client that knows no offset can request the start by a word."""
    assert parse_request("from=start").first == parse_request("from=1").first == 1


def test_all_parameters_are_read() -> None:
    """The example of the protocol is read as documented."""
    request = parse_request(
        "client=alice&feed=users&feed=arrays&block_size=5&session=abcdefghijklmnop"
        f"&after=users:{EPOCH}:41"
    )

    assert request == Request(
        client="alice",
        feeds=("users", "arrays"),
        block_size=5,
        session="abcdefghijklmnop",
        after={"users": Position(EPOCH, 41)},
    )


def test_unknown_parameters_are_listed() -> None:
    """Unknown parameters are ignored, and their names are kept."""
    assert parse_request("colour=red&client=bob&_=1&colour=blue").unknown == ("colour", "_")


CLIENT, FEED, KEY, SIZE = (
    names.CLIENT_NAME_RULE,
    names.FEED_NAME_RULE,
    names.SESSION_KEY_RULE,
    names.BLOCK_SIZE_RULE,
)
FORM = "write FEED:EPOCH:OFFSET, for example users:0123456789ab:41"
AT = "write FEED:TIME in microseconds since 1970, for example users:1795250402123456"
FROM = "write start, or the offset of the first message wanted, from 1 to 9007199254740991"
REFUSALS: list[tuple[dict[str, str | list[str]], str]] = [
    ({"client": ""}, f"client='' is not allowed: {CLIENT}"),
    ({"client": "bob "}, f"client='bob ' is not allowed: {CLIENT}"),
    ({"client": "a\x1b[2J"}, rf"client='a\x1b[2J' is not allowed: {CLIENT}"),
    ({"client": "é" * 99}, f"client='{'é' * 80}' is not allowed: {CLIENT}"),
    ({"client": ["a", "b"]}, "client is given 2 times; once is allowed"),
    ({"token": ["bft_a.b", "bft_a.b"]}, "token is given 2 times; once is allowed"),
    ({"feed": ""}, f"feed='' is not allowed: {FEED}"),
    ({"feed": ["users", "Users"]}, f"feed='Users' is not allowed: {FEED}"),
    ({"feed": "u" * 99}, f"feed='{'u' * 80}' is not allowed: {FEED}"),
    ({"feed": ["users", "users"]}, "feed='users' is given twice; once is allowed"),
    ({"feed": [f"f{n}" for n in range(17)]}, "17 feeds are requested; 16 are allowed"),
    ({"block_size": "0"}, f"block_size='0' is not allowed: {SIZE}"),
    ({"block_size": "100001"}, f"block_size='100001' is not allowed: {SIZE}"),
    ({"block_size": "-1"}, f"block_size='-1' is not allowed: {SIZE}"),
    ({"block_size": "1_0"}, f"block_size='1_0' is not allowed: {SIZE}"),
    ({"block_size": "٣"}, f"block_size='٣' is not allowed: {SIZE}"),
    ({"block_size": ""}, f"block_size='' is not allowed: {SIZE}"),
    ({"block_size": "1" * 5000}, f"block_size='{'1' * 40}' is not allowed: {SIZE}"),
    ({"block_size": ["1", "1"]}, "block_size is given 2 times; once is allowed"),
    ({"session": "short"}, f"session='short'… (5 characters) is not allowed: {KEY}"),
    ({"session": "k" * 99}, f"session='kkkkkkkk'… (99 characters) is not allowed: {KEY}"),
    ({"session": "kkkkkkkk-secret "}, f"session='kkkkkkkk'… (16 characters) is not allowed: {KEY}"),
    ({"session": ["", ""]}, "session is given 2 times; once is allowed"),
    ({"after": "41"}, f"after='41' is not allowed: {FORM}"),
    ({"after": "x" * 99}, f"after='{'x' * 80}' is not allowed: {FORM}"),
    ({"after": f"arrays:{EPOCH}:1"}, "after=arrays:… needs feed=arrays"),
    (
        {"after": [f"users:{EPOCH}:1", f"users:{EPOCH}:2"]},
        f"after='users:{EPOCH}:2' is not allowed: 'users' has a position already",
    ),
    ({"at": "users:-1"}, f"at='users:-1' is not allowed: {AT}"),
    ({"at": f"users:{2**53}"}, f"at='users:{2**53}' is not allowed: {AT}"),
    ({"at": "users:9"}, "at='users:9' is not allowed: it needs one after=users:EPOCH:OFFSET"),
    (
        {"after": f"users:{EPOCH}:1", "at": ["users:9", "users:9"]},
        "at='users:9' is not allowed: it needs one after=users:EPOCH:OFFSET",
    ),
    (
        {"after": f"users:{EPOCH}:1", "from": "start"},
        "from= and after= are both given; write after= to resume or from= to begin",
    ),
    ({"from": "0"}, f"from='0' is not allowed: {FROM}"),
    ({"from": "live"}, f"from='live' is not allowed: {FROM}"),
    ({"from": f"{2**53}"}, f"from='{2**53}' is not allowed: {FROM}"),
    ({"from": ["1", "1"]}, "from is given 2 times; once is allowed"),
    (
        {"after": f"users:{EPOCH}:{2**53}"},
        f"after='users:{EPOCH}:{2**53}' is not allowed: offsets end at {2**53 - 1}",
    ),
]


@pytest.mark.parametrize(("parameters", "sentence"), REFUSALS, ids=range(len(REFUSALS)))
def test_wrong_parameter_is_refused(parameters: dict[str, str | list[str]], sentence: str) -> None:
    """A refusal names the value and the rule."""
    with pytest.raises(BadRequest) as refused:
        parse_request(urlencode(parameters, doseq=True))

    assert str(refused.value) == sentence


def test_every_parameter_can_be_refused() -> None:
    """Every parameter has a refusal above."""
    assert {name for parameters, _ in REFUSALS for name in parameters} == set(PARAMETERS)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("x" * (MAX_QUERY + 1), f"the query string has {MAX_QUERY + 1} characters; 8192 are"),
        ("client=%ff", "the query string cannot be read"),
        ("&" * 64, "the query string cannot be read"),
    ],
)
def test_unreadable_query_is_refused(query: str, sentence: str) -> None:
    """A query that is too long or not UTF-8 is refused as a whole."""
    with pytest.raises(BadRequest, match=sentence):
        parse_request(query)


names_and_values = st.tuples(st.sampled_from([*PARAMETERS, "other"]), st.text())


@given(st.one_of(st.text(), st.lists(names_and_values).map(urlencode)))
def test_any_query_is_read_or_refused(query: str) -> None:
    """Any URL is read, or refused with a sentence that fits into an error frame."""
    try:
        parse_request(query)
    except BadRequest as refused:
        failure = Failure(code="bad_request", text=str(refused), retryable=False)
        assert Failure.read(failure.write()) == failure


@pytest.mark.parametrize(
    ("offered", "query", "speaks"),
    [
        ([], "", False),
        ([], "client=bob&feed=users&after=users:0123456789ab:1", False),
        (["mqtt", "v1.blockfeed"], "session=", False),
        (["mqtt", "blockfeed.v1"], "", True),
        (["blockfeed.plain", "blockfeed.v1"], "", True),
        (["blockfeed.plain"], "session=abcdefghijklmnop", False),
        ([], "feed=users&session=abcdefghijklmnop", True),
        ([], "session=short&client=%ff", True),
        ([], "&" * 64 + "session=abcdefghijklmnop", False),
    ],
)
def test_protocol_is_detected(offered: list[str], query: str, *, speaks: bool) -> None:
    """The subprotocol or a session marks a client of the protocol; all others are plain."""
    assert speaks_protocol(offered, query) is speaks


@given(st.text())
def test_every_query_has_one_kind(query: str) -> None:
    """A client whose URL is refused is also either plain or a protocol client."""
    assert speaks_protocol((), query) in (True, False)
