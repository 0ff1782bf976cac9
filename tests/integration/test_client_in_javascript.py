"""The client in the page sends the same frames as the client in Python."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from clientapp.core.backoff import backoff
from clientapp.core.block import BlockBuilder
from clientapp.core.catchup import CatchUp
from clientapp.core.protocol import ClientProtocol, Duplicate
from clientapp.core.serverclock import ServerClock
from clientapp.core.session import Session
from clientapp.core.stamp import Stamp
from clientapp.wire.from_server import Gap, read_from_server
from clientapp.wire.message import Message, make_line
from clientapp.wire.welcome import Welcome
from tests.support.node import run_node

EPOCH, LATER_EPOCH = "0123456789ab", "ba9876543210"
WALL_US = 1_795_000_000_000_000
FEEDS = ("users", "arrays")
KEY = "a-key-of-a-session"

# Plays a script of [word, text, stamp] and prints all output of the client.
PLAY = """
import { Client } from "./client.js";
const heard = [];
const tell = (event, values) => heard.push([event, values]);
const { feeds, size, key } = input;
const client = new Client({ client: "Zoë", feeds, size, key }, tell);
const sent = [], queries = [], faults = [];
for (const [word, text, stamp] of input.script) {
  if (word === "connect") { client.lost(); queries.push(`${client.connect()}`); continue; }
  if (word === "repeat") client.repeat(text);
  else if (word === "leave") client.leave();
  else try { client.receive(text, stamp); } catch (error) { faults.push(error.message); }
  sent.push(...client.toSend());
}
console.log(JSON.stringify({ sent, queries, faults, heard, count: client.count,
  unacknowledged: client.unacknowledged, isProven: client.isProven }));
"""


def play(folder: Path, script: list[list[Any]], *, size: int = 3) -> dict[str, Any]:
    """Return the output of the client in the page for *script*."""
    given = {"script": script, "size": size, "feeds": FEEDS, "key": KEY}
    played: dict[str, Any] = run_node(folder, PLAY, given)
    return played


def stamp(milliseconds: int) -> dict[str, int]:
    """Return both clocks of a browser, *milliseconds* after it was opened."""
    return {"here": milliseconds * 1000, "wall": WALL_US + milliseconds * 1000}


def came(text: str, milliseconds: int) -> list[Any]:
    """Return the step of a script in which a frame arrives."""
    return ["frame", text, stamp(milliseconds)]


def welcome(head: int = 0, **offsets: int) -> str:
    """Return a welcome that resumes after *offsets*, for feeds that end at *head*."""
    feeds = {
        feed: {
            "epoch": EPOCH,
            "offset": offsets.get(feed, 0),
            "head": head,
            "rate": 1.0,
            "running": True,
            "fields": [],
        }
        for feed in FEEDS
    }
    said = {"session": KEY, "feeds": feeds, "blocks": 0, "limits": {}, "heartbeat": 5.0}
    return json.dumps({"type": "welcome", **said})


def message(feed: str, offset: int) -> str:
    """Return a line whose record contains more than ASCII."""
    return make_line(feed, offset, WALL_US + offset * 1000, '{"name":"Zoë"}'.encode()).decode()


def say(kind: str, **fields: Any) -> str:
    """Return a control of the server."""
    return json.dumps({"type": kind, **fields})


def random_script(seed: int) -> list[list[Any]]:
    """Return frames in the order in which a bad network and a busy server might deliver them."""
    chance = random.Random(seed)
    now = 1000
    heads = dict.fromkeys(FEEDS, 0)
    script: list[list[Any]] = [["connect", "", None], came(welcome(), now)]
    for _ in range(300):
        now += chance.randrange(200)
        feed = chance.choice(FEEDS)
        match chance.choices(range(8), [70, 8, 6, 4, 3, 6, 3, 3])[0]:
            case 0:
                heads[feed] += 1
                text = message(feed, heads[feed])
            case 1:  # again
                text = message(feed, max(1, heads[feed] - chance.randrange(3)))
            case 2:  # lost in transit
                heads[feed] += 1 + chance.randrange(4)
                text = message(feed, heads[feed])
            case 3:
                first = heads[feed] + 1
                heads[feed] += chance.randrange(4)
                gap = {"feed": feed, "first": first, "last": heads[feed], "cause": "unavailable"}
                text = say("gap", epoch=EPOCH, **gap)
            case 4:
                script.append(["connect", "", None])
                text = welcome(heads[feed] + chance.randrange(6), **heads)
            case 5:
                text = say("pong", t0=(now - 2 * chance.randrange(9)) * 1000, now=WALL_US + 2 * now)
            case 6:
                text = say("heartbeat", now=WALL_US, heads={})
            case _:  # rolled back, to an earlier or a later offset
                before, heads[feed] = heads[feed], max(0, heads[feed] + chance.randrange(-9, 4))
                first = min(before, heads[feed]) + 1
                gap = {"feed": feed, "first": first, "last": heads[feed], "cause": "history"}
                text = say("gap", epoch=EPOCH, **gap)
        script.append(came(text, now))
    return script


def reference(script: list[list[Any]], size: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the reports and queries of the client in Python."""
    session = Session(client="Zoë", session=KEY, url="ws://x/", feeds=FEEDS, block_size=size)
    protocol, clock = ClientProtocol(session), ServerClock()
    builder, catch_up = BlockBuilder(session, 1, clock=clock), CatchUp()
    reports, queries = [], []
    for word, text, when in script:
        if word == "connect":
            builder.interrupt()
            queries.append(protocol.connect().query())
            continue
        frame = read_from_server(text)
        assert frame is not None
        at = Stamp(when["wall"], when["here"] / 1_000_000)
        clock.receive(frame, at)
        for meaning in protocol.receive(frame):
            match meaning:
                case Welcome():
                    catch_up.begin(meaning, at.monotonic)
                case Message():
                    builder.add(meaning, protocol.epoch(meaning.feed), at, "")
                    if catch_up.takes(meaning, at.monotonic):
                        builder.interrupt()
                    if builder.is_full:
                        report = builder.finish(protocol.positions).report
                        reports.append(json.loads(json.dumps(report.write())))
                case Gap():
                    builder.add_gap(meaning, "")
                case Duplicate():
                    builder.add_duplicate(meaning.feed, "")
    return reports, queries


@pytest.mark.parametrize("seed", range(8))
def test_reports_are_those_of_the_python_client(tmp_path: Path, seed: int) -> None:
    """Both clients send equal reports, with losses, duplicates and gaps over many connections."""
    script = random_script(seed)
    expected, queries = reference(script, size=3)
    played = play(tmp_path, script)
    reports = {frame["block"]: frame for frame in played["sent"] if frame["type"] == "report"}
    assert len(expected) > 30
    assert list(reports) == [report["block"] for report in expected]
    for report in expected:
        said = reports[report["block"]]
        clocks = said.pop("clock", None), report.pop("clock", None)
        assert said.pop("latency") == pytest.approx(report.pop("latency"), abs=2e-6)
        assert said == report
        if clocks[1] is not None:
            # A browser's clock is coarser by a millisecond.
            assert clocks[0] == pytest.approx(clocks[1], abs=0.0011)
    assert played["faults"] == []
    parsed = [sorted(query.split("&")) for query in played["queries"]]
    assert parsed == [sorted(query.split("&")) for query in queries]


def after_blocks(count: int) -> list[list[Any]]:
    """Return a script in which the client collects *count* blocks of three messages."""
    frames = [welcome(), *(message("users", offset) for offset in range(1, 3 * count + 1))]
    return [["connect", "", None], *(came(text, 1000) for text in frames)]


def blocks_of(played: dict[str, Any]) -> list[int]:
    """Return the blocks whose reports were sent, in order."""
    return [frame["block"] for frame in played["sent"] if frame["type"] == "report"]


def verdicts_of(played: dict[str, Any]) -> list[tuple[int, str, str, bool]]:
    """Return the verdicts shown: block, verdict, reason, and whether it is the first."""
    told = [values for event, values in played["heard"] if event == "verdict"]
    return [(one["block"], one["verdict"], one["reason"], one["isFirst"]) for one in told]


def test_block_has_one_first_verdict(tmp_path: Path) -> None:
    """The cause of a broken block comes in a later verdict, even if blocks came in between."""
    broken = came(say("ack", block=1, verdict="broken"), 2000)
    others = [came(say("ack", block=block, verdict="verified"), 2000) for block in range(2, 11)]
    cause = came(say("ack", block=1, verdict="broken", reason="users 2 is missing"), 3000)
    told = verdicts_of(play(tmp_path, [*after_blocks(10), broken, *others, cause]))
    assert told == [
        (1, "broken", "", True),
        *((block, "verified", "", True) for block in range(2, 11)),
        (1, "broken", "users 2 is missing", False),
    ]


def test_reports_are_sent_until_acknowledged(tmp_path: Path) -> None:
    """After a new welcome only unacknowledged reports are sent again."""
    ack = came(say("ack", block=1, verdict="verified"), 2000)
    again = [["connect", "", None], came(welcome(users=9), 3000)]
    played = play(tmp_path, [*after_blocks(3), ack, *again])
    assert blocks_of(played) == [1, 2, 3, 2, 3]
    assert played["unacknowledged"] == 2
    assert verdicts_of(played) == [(1, "verified", "", True)]


def test_overtaken_reports_are_sent_again(tmp_path: Path) -> None:
    """An acknowledgement that overtakes an earlier one means that the earlier report was lost."""
    ack = came(say("ack", block=2, verdict="verified"), 2000)
    assert blocks_of(play(tmp_path, [*after_blocks(2), ack])) == [1, 2, 1]


def test_leaving_client_collects_nothing(tmp_path: Path) -> None:
    """A block collected after leaving would never be acknowledged."""
    script = after_blocks(1)
    assert play(tmp_path, [*script[:-1], ["leave", "", None], script[-1]])["sent"] == []


def test_unanswered_report_is_sent_again(tmp_path: Path) -> None:
    """A report without an acknowledgement after two heartbeats is sent again."""
    beat = came(say("heartbeat", now=WALL_US, heads={"users": 6}), 2000)
    assert blocks_of(play(tmp_path, [*after_blocks(2), beat, beat])) == [1, 2, 2]


def test_refused_reports_are_given_up(tmp_path: Path) -> None:
    """A report that the server refuses for good is not sent again, and the user sees why."""
    refusal = say("error", code="untrue", text="it lies", retryable=False, block=1)
    script = [*after_blocks(1), came(refusal, 2000), ["repeat", 1, None]]
    played = play(tmp_path, script)
    assert blocks_of(played) == [1]
    assert verdicts_of(played) == [(1, "refused", "it lies", True)]


def test_busy_servers_get_reports_later(tmp_path: Path) -> None:
    """A report that the server could not take is sent again after the pause."""
    busy = say("error", code="busy", text="wait", retryable=True, block=1)
    script = [*after_blocks(2), came(busy, 2000), ["repeat", 1, None]]
    played = play(tmp_path, script)
    assert ["busy", {"block": 1, "text": "wait"}] in played["heard"]
    assert blocks_of(played) == [1, 2, 1, 2]


def test_broken_block_is_explained(tmp_path: Path) -> None:
    """On request the client lists each message of a block, including duplicates."""
    frames = [message("users", offset) for offset in (1, 2, 2, 3)]
    asked = [welcome(), *frames, say("explain", block=1), say("explain", block=9)]
    script = [["connect", "", None], *(came(text, 1000) for text in asked)]
    explained = [f for f in play(tmp_path, script)["sent"] if f["type"] == "explained"]
    held = [read_from_server(text) for text in frames]
    pairs = [[one.offset, one.crc] for one in held if isinstance(one, Message)]
    assert explained == [
        {"type": "explained", "block": 1, "lines": {"users": pairs}, "more": False}
    ]


def test_long_explanation_is_split_into_frames(tmp_path: Path) -> None:
    """No frame of an explanation lists more than 5000 messages."""
    texts = [welcome(), *(message("users", offset) for offset in range(1, 5002))]
    script = [["connect", "", None], *(came(text, 1000) for text in texts)]
    script.append(came(say("explain", block=1), 2000))
    sent = play(tmp_path, script, size=5001)["sent"]
    explained = [frame for frame in sent if frame["type"] == "explained"]
    told = [(len(frame["lines"]["users"]), frame["more"]) for frame in explained]
    assert told == [(5000, True), (1, False)]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (message("users", 1), "the first frame is not a welcome"),
        ("[1", "the frame is not a JSON object with a type"),
        ("null", "the frame is not a JSON object with a type"),
    ],
)
def test_protocol_error_is_a_sentence(tmp_path: Path, text: str, fault: str) -> None:
    """A frame that breaks the protocol is reported in a sentence."""
    script = [["connect", "", None], came(text, 1000)]
    assert play(tmp_path, script)["faults"] == [fault]


def test_missing_messages_are_noticed(tmp_path: Path) -> None:
    """A feed that stays behind its head for more than three heartbeats ends the connection."""
    beat = came(say("heartbeat", now=WALL_US, heads={"users": 7}), 2000)
    assert play(tmp_path, [*after_blocks(2), *[beat] * 3])["faults"] == []
    assert play(tmp_path, [*after_blocks(2), *[beat] * 4])["faults"] == [
        "no message of users arrived after 6"
    ]


def test_new_epoch_may_start_lower(tmp_path: Path) -> None:
    """The client accepts lower offsets after a change of recipe, and misses none."""
    gap = {"feed": "users", "first": 1, "last": 0, "epoch": LATER_EPOCH, "cause": "epoch"}
    script = [*after_blocks(1), came(say("gap", **gap), 2000)]
    script += [came(message("users", offset), 2000) for offset in (1, 2, 3)]
    played = play(tmp_path, script)
    part = played["sent"][-1]["feeds"]["users"]
    assert (part["epoch"], part["first"], part["last"], part["gaps"]) == (LATER_EPOCH, 1, 3, 0)
    assert [event for event, _ in played["heard"] if event == "gap"] == []


def test_pauses_equal_those_of_the_python_client(tmp_path: Path) -> None:
    """Both clients pause equally long between connection attempts."""
    program = """
import { backoff } from "./backoff.js";
const waits = backoff(() => 0.5);
console.log(JSON.stringify(input.map(() => waits.next().value)));
"""
    waits = backoff(lambda: 0.5)
    assert run_node(tmp_path, program, list(range(12))) == [next(waits) for _ in range(12)]
