"""Reports compared with the sent messages: verdicts, explanations and stored rows."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any
from zlib import crc32

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator

from clientapp.core.block import NOTED_DUPLICATES, BlockBuilder
from clientapp.core.session import Session
from clientapp.core.stamp import Stamp
from clientapp.figures.measured import Reason
from clientapp.log.memorylog import MemoryLog
from clientapp.wire import digest
from clientapp.wire.from_client import explanations, read_from_client
from clientapp.wire.message import Message
from clientapp.wire.report import Report
from feeds.core.limits import LIMITS
from feeds.core.prefixes import Prefixes
from feeds.making.regeneration import checksums_between
from feeds.making.segments import segment_of
from feeds.models import BlockReport, ClientSession, Feed, Segment
from feeds.running.child import Child
from feeds.serving.node import get_node
from feeds.storing.measured import measured
from tests.support.session import client, epoch, generate, receive, report
from tools.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.usefixtures("node_ends")

BLOCKS = "client=alice&feed=arrays&block_size=3"


async def collect(one: WebsocketCommunicator, count: int = 3) -> list[int]:
    """Return the checksums of the next messages, from their bytes alone."""
    found: list[int] = []
    while len(found) < count:
        text = await one.receive_from(timeout=PATIENCE_SECONDS)
        if text.startswith('{"type":"message"'):
            found.append(crc32(text.encode()))
    return found


def written(crcs: list[int]) -> str:
    """Return the digest of checksums, as written on the wire."""
    made = digest.EMPTY
    for crc in crcs:
        made = digest.extend(made, crc)
    return digest.format_digest(made)


async def said(crcs: list[int], **changes: Any) -> str:
    """Return the report of a block with these checksums."""
    return report(await epoch(), part={"digest": written(crcs), "count": len(crcs)}, **changes)


async def test_block_as_it_was_sent_is_verified() -> None:
    """The digest of a recent block is verified at once, from two numbers."""
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        await generate(3)
        await one.send_to(await said(await collect(one)))
        assert await receive(one, "ack") == {"type": "ack", "block": 1, "verdict": "verified"}
    row = await BlockReport.objects.select_related("session").aget()
    assert (row.verdict, row.reason, row.difference) == ("verified", "", None)
    counts = (row.session.verified, row.session.broken, row.session.unverifiable)
    assert counts == (1, 0, 0)


async def test_old_block_is_verified_by_regeneration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A block that is no longer recent is regenerated, with the same verdict."""
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        await generate(3)
        crcs = await collect(one)
        monkeypatch.setattr(Prefixes, "between", lambda *_: None)
        await one.send_to(await said(crcs))
        assert (await receive(one, "ack"))["verdict"] == "verified"
        await one.send_to(await said([*crcs[:2], 0], block=2))
        assert (await receive(one, "ack"))["verdict"] == "broken"


CAUSES = {
    "lost": ([1, 3, 4], 0, "arrays: 2 missing"),
    "doubled": ([1, 2, 2], 0, "arrays: 2 duplicated"),
    "swapped": ([1, 3, 2], 0, "arrays: 2 out of order"),
    "altered": ([1, 2, 3], 1, "arrays: 3 altered"),
    "lost and doubled": ([1, 1, 3], 0, "arrays: 2 missing, 1 duplicated"),
}
"""For each kind of fault: the received offsets, the error of the last checksum, and the reason."""


@pytest.mark.parametrize(("offsets", "off_by", "reason"), CAUSES.values(), ids=CAUSES)
async def test_fault_of_a_block_is_named(
    offsets: list[int], off_by: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The client of a broken block is asked to explain it; the difference is stored and sent."""
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        await generate(4)
        sent = await collect(one, 4)
        told = [[offset, sent[offset - 1]] for offset in offsets]
        told[-1][1] ^= off_by
        part = {"digest": written([crc for _, crc in told]), "last": max(offsets)}
        await one.send_to(report(await epoch(), part=part))
        first = await receive(one, "ack")
        assert (first["verdict"], first["reason"][-13:]) == ("broken", "cause unknown")
        assert await receive(one, "explain") == {"type": "explain", "block": 1}
        await explain(one, told[:1], more=True)
        await explain(one, told[1:])
        expected = {"type": "ack", "block": 1, "verdict": "broken", "reason": reason}
        assert await receive(one, "ack") == expected
        await one.send_to(report(await epoch(), part=part))
        assert await receive(one, "ack") == expected
    row = await BlockReport.objects.select_related("session").aget()
    assert (row.verdict, row.reason, bool(row.difference)) == ("broken", reason, True)
    assert (row.session.verified, row.session.broken) == (0, 1)
    assert f"alice: block 1 is broken: {reason}" in caplog.text


async def explain(
    one: WebsocketCommunicator, lines: Any, *, more: bool = False, block: int = 1
) -> None:
    """Send the explanation of a block."""
    frame = {"type": "explained", "block": block, "lines": {"arrays": lines}, "more": more}
    await one.send_to(json.dumps(frame))


async def test_unexplained_block_keeps_an_unknown_cause() -> None:
    """A verdict needs no explanation; the block stays broken, and is asked about again."""
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        await generate(3)
        for _ in range(2):
            await one.send_to(report(await epoch(), part={"digest": "0" * 16}))
            reason = "arrays 1 to 3: the digest differs, cause unknown"
            assert (await receive(one, "ack"))["reason"] == reason
            await receive(one, "explain")
    row = await BlockReport.objects.aget()
    assert (row.verdict, row.reason, row.difference) == ("broken", reason, None)


async def test_wrong_digest_of_correct_messages_is_explained() -> None:
    """A client with a wrong digest learns that its messages are correct."""
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        await generate(3)
        sent = await collect(one)
        await one.send_to(report(await epoch(), part={"digest": "0" * 16}))
        await receive(one, "explain")
        await explain(one, [[offset, crc] for offset, crc in enumerate(sent, 1)])
        reason = (await receive(one, "ack"))["reason"]
        assert reason == "the messages that the client lists are correct; its digest is wrong"


async def test_unrequested_explanation_is_refused() -> None:
    """An explanation that was not requested is answered with one sentence."""
    async with client(BLOCKS) as one:
        await explain(one, [])
        error = await receive(one, "error")
        assert (error["code"], error["text"]) == (
            "malformed",
            "the server did not ask for an explanation of block 1",
        )


@pytest.mark.parametrize(("duplicates", "most"), [(0, 6), (2, 10), (9, 20)])
async def test_endless_explanation_is_refused(
    monkeypatch: pytest.MonkeyPatch, duplicates: int, most: int
) -> None:
    """An explanation may not exceed the block's possible contents, or two of the largest blocks."""
    monkeypatch.setattr("feeds.serving.reports.MAX_BLOCK_SIZE", 10)
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        await generate(3)
        part = {"digest": "0" * 16, "duplicates": duplicates}
        for block in (1, 2):
            await one.send_to(report(await epoch(), part=part, block=block))
            await receive(one, "explain")
        await explain(one, [[1, 1]] * (most - 1), more=True)
        await explain(one, [[2, 1]])
        assert (await receive(one, "ack"))["reason"].startswith("arrays: 3 missing")
        await explain(one, [[1, 1]] * most, more=True, block=2)
        await explain(one, [[1, 1]], more=True, block=2)
        said = await receive(one, "error")
        text = f"the explanation of block 2 has more than {most} messages, its limit"
        assert (said["code"], said["text"]) == ("malformed", text)
    assert (await BlockReport.objects.aget(number=2)).difference is None


async def test_longest_valid_explanation_is_accepted() -> None:
    """Everything that a client may list is accepted, even duplicates of an unreported feed."""
    session = Session(client="alice", session="", url="", feeds=("users", "arrays"), block_size=3)
    builder, log = BlockBuilder(session, 1), MemoryLog()
    log.begin(session)
    async with client("client=alice&feed=users&feed=arrays&block_size=3") as one:
        await receive(one, "welcome")
        await generate(3)
        segment = segment_of(await Segment.objects.aget(feed__name="arrays"))
        for offset in range(1, 4):
            at = segment.at(offset)
            message = Message(feed="arrays", offset=offset, at=at, data=[], crc=0)
            stamp = Stamp(wall_us=1_790_000_000_000_000, monotonic=0.0)
            builder.add(message, await epoch(), stamp, log.format(message, 0, stamp))
        for number in range(NOTED_DUPLICATES + 1):
            again = message if number < 2 else replace(message, feed="users")
            builder.add_duplicate(again.feed, log.format(again, 0, stamp))
        block = builder.finish({})
        log.append(block)
        await one.send_to(json.dumps(block.report.write()))
        await receive(one, "explain")
        frames = list(explanations(1, log.checksums(1)))
        assert sum(len(pairs) for pairs in frames[0].lines.values()) == 3 + NOTED_DUPLICATES
        for frame in frames:
            await one.send_to(json.dumps(frame.write()))
        assert (await receive(one, "ack"))["reason"] == "arrays: 3 duplicated, 1 to 3 altered"


async def test_explained_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """No explanation is requested for a block that spans too many messages, holes included."""
    node = await get_node()
    monkeypatch.setattr(node, "limits", replace(LIMITS, explained_messages=3))
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        await generate(4)
        for block, last in ((1, 4), (2, 3)):
            part = {"digest": "0" * 16, "last": last}
            await one.send_to(report(await epoch(), part=part, block=block))
        said = [json.loads(await one.receive_from(timeout=PATIENCE_SECONDS))]
        while said[-1]["type"] != "explain":
            said.append(json.loads(await one.receive_from(timeout=PATIENCE_SECONDS)))
        assert said[-1]["block"] == 2
        acks = [frame for frame in said if frame["type"] == "ack"]
        assert [(ack["block"], ack["verdict"]) for ack in acks] == [(1, "broken"), (2, "broken")]
        assert "cause unknown" in acks[0]["reason"]


async def test_difference_is_computed_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The messages of a broken block are regenerated a few at a time."""
    node = await get_node()
    monkeypatch.setattr(node.verifier, "_limits", replace(LIMITS, remade_messages=2))
    spans = []
    ask = Child.run

    async def watched(child: Child, call: Any, *args: Any) -> Any:
        if call is checksums_between:
            spans.append(args[-1] - args[-2] + 1)
        return await ask(child, call, *args)

    monkeypatch.setattr(Child, "run", watched)
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        await generate(5)
        sent = await collect(one, 5)
        await one.send_to(report(await epoch(), part={"digest": "0" * 16, "last": 5}))
        await receive(one, "explain")
        await explain(one, [[offset, sent[offset - 1]] for offset in (1, 3, 5)])
        assert (await receive(one, "ack"))["reason"] == "arrays: 2 and 4 missing"
    assert spans == [2, 2, 1]


async def test_open_explanations(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that does not answer is not asked about every block."""
    node = await get_node()
    monkeypatch.setattr(node, "limits", replace(LIMITS, open_explanations=1))
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        await generate(3)
        for block in (1, 2):
            await one.send_to(report(await epoch(), part={"digest": "0" * 16}, block=block))
        assert (await receive(one, "ack"))["block"] == 1
        assert (await receive(one, "explain"))["block"] == 1
        assert (await receive(one, "ack"))["block"] == 2
        assert await one.receive_nothing()


async def test_range_of_other_libraries_is_unverifiable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A range whose epoch this process cannot make is neither verified nor broken."""
    await generate(3)
    strange = "f" * 12
    await Segment.objects.aupdate(epoch=strange)
    async with client(BLOCKS) as one:
        await one.send_to(report(strange, part={"digest": "0" * 16}))
        ack = await receive(one, "ack")
        reason = "arrays 1 to 3: this server cannot regenerate them"
        assert (ack["verdict"], ack["reason"]) == ("unverifiable", reason)
    assert (await ClientSession.objects.aget()).unverifiable == 1


async def test_failing_judge_loses_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a report cannot be judged, its client sends it again."""
    node = await get_node()

    def fail(_: object) -> None:
        raise RuntimeError("out of order")

    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        await generate(3)
        with monkeypatch.context() as broken:
            broken.setattr(node.verifier, "judge", fail)
            await one.send_to(report(await epoch()))
            error = await receive(one, "error")
            assert (error["code"], error["block"], error["retryable"]) == ("busy", 1, True)
        await one.send_to(report(await epoch()))
        assert (await receive(one, "ack"))["block"] == 1


async def test_recent_and_remade_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limited number of digests is kept; others are recomputed in steps."""
    node = await get_node()
    verifier = node.verifier
    few = replace(LIMITS, recent_digests=3, remade_messages=4, remade_digests=1)
    monkeypatch.setattr(verifier, "_limits", few)
    monkeypatch.setattr(verifier._digests, "_most", few.recent_digests)
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        await generate(30)
        sent = await collect(one, 30)
        made = await epoch()
        for block, (first, last) in enumerate(((1, 9), (10, 12), (13, 15), (28, 30)), 1):
            part = {
                "first": first,
                "last": last,
                "count": last - first + 1,
                "digest": written(sent[first - 1 : last]),
            }
            sized = report(made, part=part, block=block, size=last - first + 1)
            said = read_from_client(sized)
            assert isinstance(said, Report)
            before = set(verifier._remade)
            assert (await verifier.judge(said)).verdict == "verified"
            assert (set(verifier._remade) != before) == (last < 28)
            assert len(verifier._remade) <= few.remade_digests


async def test_range_that_ends_in_a_gap_has_the_next_epoch() -> None:
    """After an announced change of epoch, a client names the new one before its first message."""
    await generate(3)
    await Feed.objects.filter(name="arrays").aupdate(seed=2)
    await generate(3)
    first = await Segment.objects.filter(feed__name="arrays").aearliest("first")
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        for block, made in enumerate((first.epoch, await epoch()), 1):
            await one.send_to(report(made, part={"gaps": 1}, block=block))
            assert (await receive(one, "ack"))["block"] == block
        await one.send_to(report("f" * 12, block=3))
        assert (await receive(one, "error"))["code"] == "untrue"


async def test_contradictory_report_is_refused() -> None:
    """A report with another client's sentence is answered with the reason, and not stored."""
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        await generate(3)
        text = "Client bob received 1 block in 2.000 s time"
        await one.send_to(await said(await collect(one), text=text))
        error = await receive(one, "error")
    assert (error["code"], error["block"], error["retryable"]) == ("untrue", 1, False)
    assert error["text"].endswith("text names the client 'bob', but this one is 'alice'")
    assert not await BlockReport.objects.aexists()


async def test_log_lines_of_a_client_are_bounded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Only a few of many reports are logged; the number of the others is logged by the end."""
    node = await get_node()
    monkeypatch.setattr(node, "limits", replace(LIMITS, log_rate=0.001, log_burst=6))
    with caplog.at_level(logging.INFO, "feeds.clients"):
        async with client(BLOCKS) as one:
            await receive(one, "welcome")
            for _ in range(50):
                await one.send_to(report(size=2, part={"count": 2}))
                assert (await receive(one, "error"))["code"] == "untrue"
    said = [message for message in caplog.messages if "alice" in message or "client" in message]
    assert len(said) == 7
    # A line for each report and one for each refusal, a line at each end; of these, six are there.
    assert said[-1] == f"{50 * 2 + 2 - 6} lines about this client were left out"


async def test_range_is_reported_once() -> None:
    """Messages are verified in one block only; the same block may be reported again."""
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        await generate(5)
        crcs = await collect(one, 5)
        for block, verdict in ((1, "verified"), (1, "verified")):
            await one.send_to(await said(crcs[:3], block=block))
            assert (await receive(one, "ack"))["verdict"] == verdict
        overlapping = {"digest": written(crcs[2:]), "first": 3, "last": 5}
        for twice in ({"digest": written(crcs[:3])}, overlapping):
            await one.send_to(report(await epoch(), part=twice, block=2))
            error = await receive(one, "error")
            assert error["code"] == "untrue"
            assert "but verified blocks reach 3 already" in error["text"]
    assert await BlockReport.objects.acount() == 1


async def test_absurd_times_are_in_no_figure() -> None:
    """A block with a latency of centuries is verified, and its times are left out of figures."""
    absurd = {"p50": 1e10, "p99": 1e10, "max": 1e10}
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        await generate(3)
        clock = {"offset": 0.0, "error": 0.001}
        await one.send_to(await said(await collect(one), latency=absurd, clock=clock))
        assert (await receive(one, "ack"))["verdict"] == "verified"
    [(block, _)] = await database_sync_to_async(list)(measured(BlockReport.objects.all()))
    assert block.left_out is Reason.NO_IDEAL
    assert block.latency is None
