"""The ground truth over HTTP and on the command line: feeds, records and schemas."""

from __future__ import annotations

import asyncio
import io
import json
from itertools import pairwise
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.http import StreamingHttpResponse
from django.test import AsyncClient
from jsonschema import Draft7Validator

from feeds.core.schedule import Schedule
from feeds.making import wanted
from feeds.making.regeneration import lines_between, source_of
from feeds.making.segments import recipe_of, segment_of
from feeds.models import Feed, Segment
from feeds.records import views
from feeds.serving.node import Node
from tests.support.protocol_schema import SCHEMA

pytestmark = pytest.mark.django_db(transaction=True)

PATHS = ("/feeds/", "/feeds/arrays/records", "/feeds/arrays/schema.json", "/asyncapi.json")
REACHED = 3000
STARTED_US = 1_795_250_400_000_000


@pytest.fixture
def schedule(default_feeds: None) -> Schedule:
    """Store two segments of the feed arrays, each with an epoch; promise 3,000 messages."""
    feed = Feed.objects.get(name="arrays")
    feed.promised = REACHED
    feed.save()
    segments = []
    for first, spec in ((1, {"shape": [2]}), (1001, {"shape": [3]})):
        feed.spec = spec
        feed.save()
        segments.append(
            Segment.objects.create(
                feed=feed,
                epoch=source_of(recipe_of(feed)).epoch,
                kind=feed.kind,
                spec=spec,
                seed=feed.seed,
                first=first,
                started_us=STARTED_US + first,
                rate_milli=10**9,
            )
        )
    return Schedule([segment_of(one) for one in segments])


@pytest.fixture
async def http(schedule: Schedule, forked_children: None, node: Node) -> AsyncClient:
    """Return a browser of a started node, whose process does not wait for an idle core."""
    return AsyncClient()


async def get(http: AsyncClient, path: str) -> tuple[int, bytes]:
    """Return status and body."""
    response = await http.get(path)
    if not response.streaming:
        return response.status_code, response.content
    assert isinstance(response, StreamingHttpResponse)
    try:
        return response.status_code, b"".join([part async for part in response])
    finally:
        response.close()


async def get_json(http: AsyncClient, path: str) -> tuple[int, Any]:
    """Return status and JSON."""
    status, body = await get(http, path)
    return status, json.loads(body)


async def test_feeds_are_listed(http: AsyncClient) -> None:
    """Each feed has its recipe, its rate, its epoch and the offsets that can be read."""
    status, listed = await get_json(http, "/feeds/")
    assert status == 200
    arrays, users = listed["feeds"]
    assert (users["name"], users["epoch"], users["first"], users["last"]) == (
        "users",
        None,
        None,
        0,
    )
    feed = await Feed.objects.aget(name="arrays")
    assert arrays == {
        "name": "arrays",
        "kind": "arrays",
        "spec": {"shape": [3]},
        "seed": 1,
        "rate": 1.0,
        "enabled": True,
        "epoch": source_of(recipe_of(feed)).epoch,
        "first": 1,
        "last": REACHED,
    }


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", 1, REACHED),
        ("?first=2990", 2990, REACHED),
        ("?last=3", 1, 3),
        ("?first=998&last=1003", 998, 1003),
        ("?first=3001", 3001, 3000),
    ],
)
async def test_records_are_the_lines_that_were_sent(
    http: AsyncClient, schedule: Schedule, query: str, first: int, last: int
) -> None:
    """A response has every line of its range once and in order, also across a new epoch."""
    status, body = await get(http, f"/feeds/arrays/records{query}")
    sent = lines_between("arrays", schedule, first, last)
    assert (status, body) == (200, b"".join(line + b"\n" for line in sent))


async def test_response_is_bounded(http: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an end, a response has a bounded number of records; a longer range is refused."""
    monkeypatch.setattr(views, "MOST_RECORDS", 100)
    _, body = await get(http, "/feeds/arrays/records?first=5")
    offsets = [json.loads(line)["offset"] for line in body.splitlines()]
    assert offsets == [*range(5, 105)]
    status, said = await get_json(http, "/feeds/arrays/records?first=5&last=105")
    assert (status, said) == (400, {"error": "101 records are requested; at most 100 are allowed"})


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("typo/records", 404, "there is no feed 'typo'; there are: arrays, users"),
        ("%00/records", 404, "there is no feed '\\x00'; there are: arrays, users"),
        ("typo/schema.json", 404, "there is no feed 'typo'; there are: arrays, users"),
        (
            "arrays/records?first=0",
            400,
            "first is '0'; it must be an offset, a whole number from 1",
        ),
        ("arrays/records?last=x", 400, "last is 'x'; it must be an offset, a whole number from 1"),
        (f"arrays/records?last={10**17}", 400, f"last is '{10**17}'; it must be an offset"),
        ("arrays/records?first=7&last=5", 400, "last is 5; it must not be less than first, 7"),
        ("arrays/records?last=3001", 404, "arrays has only reached offset 3000, not 3001"),
        ("arrays/records?first=4000", 404, "arrays has only reached offset 3000, not 4000"),
        ("users/records?last=1", 404, "users has only reached offset 0, not 1"),
    ],
)
async def test_wrong_request_is_a_sentence(
    http: AsyncClient, path: str, status: int, sentence: str
) -> None:
    """A request that cannot be answered gets a status and a sentence."""
    found, said = await get_json(http, f"/feeds/{path}")
    assert (found, said["error"][: len(sentence)]) == (status, sentence)


async def test_only_reading_is_allowed(http: AsyncClient) -> None:
    """The addresses answer GET and HEAD only; HEAD makes no record."""
    for path in PATHS:
        assert (await http.post(path)).status_code == 405
        head = await http.head(path)
        assert (head.status_code, head.streaming) == (200, False)


async def test_records_of_other_libraries_are_not_made_up(http: AsyncClient) -> None:
    """A stretch that cannot be regenerated is refused; in the middle, it breaks the response."""
    await Segment.objects.filter(first=1001).aupdate(epoch="0123456789ab")
    status, said = await get_json(http, "/feeds/arrays/records?first=1001&last=1005")
    assert status == 410
    assert said["error"].startswith(
        "these records cannot be regenerated here: the libraries installed"
    )
    response = await http.get("/feeds/arrays/records?first=999&last=1005")
    assert isinstance(response, StreamingHttpResponse)
    with pytest.raises(wanted.NotKeptError):
        async for _ in response:
            pass
    # Django closes no response that fails.
    assert not views._ANSWERS
    response.close()


async def test_number_of_answers_is_bounded(http: AsyncClient) -> None:
    """If too many requests come at once, some are refused; later there is room again."""
    asked = (http.get("/feeds/arrays/records") for _ in range(2 * views.MOST_ANSWERS))
    responses = await asyncio.gather(*asked)
    statuses = [response.status_code for response in responses]
    assert statuses.count(200) == statuses.count(503) == views.MOST_ANSWERS
    refused = responses[statuses.index(503)]
    assert refused["Retry-After"] == "5"
    assert json.loads(refused.content)["error"].startswith("8 others are reading records now")
    for response in responses:
        response.close()
    assert (await get(http, "/feeds/arrays/records?last=1"))[0] == 200
    assert not views._ANSWERS


async def test_killed_process_is_replaced(http: AsyncClient, node: Node) -> None:
    """A process that was killed is replaced within the same request."""
    assert (await get(http, "/feeds/arrays/records?last=1"))[0] == 200
    process = node.record_maker.start()
    process.kill()
    process.wait()
    assert (await get(http, "/feeds/arrays/records?last=1"))[0] == 200
    assert node.record_maker.start() is not process


async def test_stopped_process_is_not_replaced(
    http: AsyncClient, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that stops answers with a status, and starts no further process."""
    monkeypatch.setattr(node.record_maker, "_is_stopped", True)
    status, said = await get_json(http, "/feeds/arrays/records?last=1")
    assert (status, "has ended; ask again" in said["error"]) == (503, True)
    assert not views._ANSWERS


async def test_answers_take_turns() -> None:
    """Parts of all answers are made one after the other; a waiter that gives up takes no turn."""
    turns = views.Turns()
    clock = asyncio.get_running_loop().time
    await turns.next()
    ends = [clock()]
    abandoned = [asyncio.create_task(turns.next()) for _ in range(100)]
    await asyncio.sleep(0)
    for task in abandoned:
        task.cancel()
    before = turns._next_at

    async def turn() -> None:
        await turns.next()
        ends.append(clock())

    await asyncio.gather(*abandoned, turn(), turn(), return_exceptions=True)
    assert before - ends[0] <= 1 / views.PARTS_PER_SECOND
    between = [later - earlier for earlier, later in pairwise(ends)]
    assert min(between) > 0.9 / views.PARTS_PER_SECOND


async def test_database_that_is_unavailable_is_a_sentence(
    http: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a database each address answers 503."""

    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr("django.db.models.sql.compiler.SQLCompiler.execute_sql", fail)
        for path in PATHS:
            status, said = await get_json(http, path)
            assert (status, "database does not answer" in said["error"]) == (503, True)


async def test_schema_describes_the_messages(http: AsyncClient, schedule: Schedule) -> None:
    """Messages of the current recipe validate; others do not."""
    status, schema = await get_json(http, "/feeds/arrays/schema.json")
    assert status == 200
    Draft7Validator.check_schema(schema)
    new, old = (
        lines_between("arrays", schedule, 1001, 1001),
        lines_between("arrays", schedule, 1, 1),
    )
    assert Draft7Validator(schema).is_valid(json.loads(new[0]))
    assert not Draft7Validator(schema).is_valid(json.loads(old[0]))


async def test_asyncapi_document_has_every_frame(http: AsyncClient) -> None:
    """Each frame of the protocol and each feed is a message with a schema of draft 7."""
    status, document = await get_json(http, "/asyncapi.json")
    assert status == 200
    schemas = document["components"]["schemas"]
    frames = {name for name in SCHEMA["$defs"] if name.startswith(("server-", "client-"))}
    feeds = {"feed-arrays", "feed-users"}
    messages = frames - {"server-message"} | feeds | {"sentence"}
    assert set(document["components"]["messages"]) == messages
    for schema in schemas.values():
        Draft7Validator.check_schema(schema)
    assert document["servers"]["this"] == {"host": "testserver", "protocol": "ws"}
    channels = document["channels"]
    assert set(channels["plain"]["messages"]) == feeds | {"sentence"}
    assert set(channels["protocol"]["messages"]) == messages - {"sentence"}
    welcome = {"type": "welcome", "session": 7}
    validator = Draft7Validator(document | {"$ref": "#/components/schemas/server-welcome"})
    assert not validator.is_valid(welcome)


@pytest.mark.parametrize(
    "options", [[], ["--first=998", "--last=1003"], ["--first", "3000"], ["--last", "1"]]
)
def test_command_writes_the_lines(schedule: Schedule, options: list[str]) -> None:
    """The command writes the same lines as the server sends."""
    out = io.StringIO()
    call_command("records", "arrays", *options, stdout=out)
    given = dict(zip(("first", "last"), (1, REACHED), strict=True))
    words = " ".join(options).replace("=", " ").replace("--", "").split()
    given |= {name: int(value) for name, value in zip(words[::2], words[1::2], strict=True)}
    sent = lines_between("arrays", schedule, given["first"], given["last"])
    assert out.getvalue() == "".join(line.decode() + "\n" for line in sent)


def test_command_refuses_with_a_sentence(schedule: Schedule) -> None:
    """The command names the feed, the range or the libraries, and has an exit code for each."""
    for words, code, sentence in (
        (["typo"], 2, "there is no feed 'typo'"),
        (["arrays", "--last=3001"], 2, "arrays has only reached offset 3000"),
    ):
        with pytest.raises(CommandError, match=sentence) as refused:
            call_command("records", *words)
        assert refused.value.returncode == code
    Segment.objects.filter(first=1).update(epoch="0123456789ab")
    with pytest.raises(CommandError, match="these records cannot be regenerated here") as refused:
        call_command("records", "arrays", "--last=1")
    assert refused.value.returncode == 1
