"""The client with a real server: blocks, log, reports, and its end."""

import json
import signal
from pathlib import Path
from zlib import crc32

import pytest

from clientapp.wire.from_client import Explained
from clientapp.wire.from_server import Ack, Explain, Farewell, Gap, Notice
from tests.support.client_process import Lifted
from tests.support.feed_server import EPOCH, FeedServer
from tests.support.log_oracle import offsets, read_log


async def test_blocks_are_logged_reported_and_acknowledged(
    server: FeedServer, lifted: Lifted
) -> None:
    """Each offset is in the log once, and each report matches the log."""
    client = await lifted.run(
        *("--url", server.url, "--name", "alice", "--feed", "users", "--feed", "arrays"),
        *("--block-size", "4", "--blocks", "3", "--json"),
    )
    await client.event("connected")
    for _ in range(6):
        await server.publish("users", 1)
        await server.publish("arrays", 1)
    code, output, errors = await client.end()
    assert (code, errors) == (0, "")
    (session,) = read_log(lifted.home / "logs" / "alice.log")
    assert session.asked["feeds"] == ["users", "arrays"]
    assert offsets(session, "users") == offsets(session, "arrays") == [1, 2, 3, 4, 5, 6]
    assert [report.block for report in server.reports] == [1, 2, 3]
    for block, report in zip(session.blocks, server.reports, strict=True):
        written = json.loads(json.dumps(report.write()))
        for_the_log = {name: block.header[name] for name in ("positions", "at", "due", "rates")}
        assert written | for_the_log == block.header | {"type": "report"}
    assert session.blocks[-1].header["positions"] == {"users": [EPOCH, 6], "arrays": [EPOCH, 6]}
    summary = json.loads(output.splitlines()[-1])
    assert (summary["event"], summary["blocks"], summary["unacknowledged"]) == ("summary", 3, 0)
    assert server.byes == 1


async def test_block_is_one_line_and_one_sentence(server: FeedServer, lifted: Lifted) -> None:
    """A person reads one line per block; the server reads the block sentence."""
    client = await lifted.run("--url", server.url, "--name", "alice", "--block-size", "1")
    assert (await client.line()).startswith(f"Connected to {server.url} as alice")
    await server.publish("users", 1)
    line = await client.line()
    assert line.startswith("Block 1 received successfully  1 message (users 1 to 1) in 0.000 s")
    await server.until(lambda: len(server.reports) == 1)
    assert server.reports[0].text == "Client alice received 1 block in 0.000 s time"


@pytest.mark.parametrize("breaks", [False, True])
async def test_interrupted_block_says_so(
    server: FeedServer, lifted: Lifted, *, breaks: bool
) -> None:
    """The line of a block says whether the connection broke within it."""
    options = ("--name", "alice", "--block-size", "2", "--blocks", "1", "--console")
    client = await lifted.run("--url", server.url, *options)
    await client.line()
    await server.publish("users", 1)
    assert "users 1" in await client.line()
    if breaks:
        server.drop()
        await server.until(lambda: len(server.requests) == 2)
    await server.publish("users", 1)
    _, output, _ = await client.end()
    [line] = [one for one in output.splitlines() if "received successfully" in one]
    assert line.endswith(", interrupted") is breaks


async def test_selected_fields_are_kept(server: FeedServer, lifted: Lifted) -> None:
    """Log and console contain only the selected fields; arrays stay complete."""
    client = await lifted.run(
        *("--url", server.url, "--name", "alice", "--feed", "users", "--feed", "arrays"),
        *("--select", "country,name", "--block-size", "2", "--blocks", "1", "--console", "--json"),
    )
    await client.event("connected")
    await server.publish("users", 1)
    await server.publish("arrays", 1)
    assert (await client.event("message"))["data"] == {"country": "Nauru", "name": "User 1"}
    assert (await client.event("message"))["data"] == [1, 2]
    assert (await client.end())[0] == 0
    (session,) = read_log(lifted.home / "logs" / "alice.log")
    assert [data for *_, data in session.blocks[0].messages] == [
        {"country": "Nauru", "name": "User 1"},
        [1, 2],
    ]


async def test_unknown_field_is_refused(server: FeedServer, lifted: Lifted) -> None:
    """A field that no feed has ends the client with exit code 2; it lists the allowed fields."""
    client = await lifted.run("--url", server.url, "--select", "name,shoe")
    code, _, errors = await client.end()
    assert (code, errors) == (2, "--select 'shoe' is not allowed; use one of: name, country\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_interrupt_ends_the_client_cleanly(
    server: FeedServer, lifted: Lifted, number: signal.Signals
) -> None:
    """After Ctrl-C or SIGTERM the client says bye and exits with 0; the log has whole blocks."""
    client = await lifted.run(
        "--url", server.url, "--name", "alice", "--block-size", "2", "--json", "--console"
    )
    await client.event("connected")
    await server.publish("users", 3)
    await client.event("ack")
    if number is signal.SIGINT:
        client.interrupt()
    else:
        client.terminate()
    summary = await client.event("summary")
    assert (summary["blocks"], summary["messages"], summary["unfinished"]) == (1, 3, 1)
    code, _, errors = await client.end()
    assert (code, errors, server.byes) == (0, "", 1)
    (session,) = read_log(lifted.home / "logs" / "alice.log")
    assert offsets(session, "users") == [1, 2]


async def test_second_interrupt_does_not_wait(server: FeedServer, lifted: Lifted) -> None:
    """After a second Ctrl-C the client does not wait for the server, and shows no traceback."""
    server.answers_bye = False
    client = await lifted.run("--url", server.url, "--json")
    await client.event("connected")
    client.interrupt()
    await server.until(lambda: server.byes == 1)
    client.interrupt()
    await client.event("summary")
    code, output, errors = await client.end()
    assert (code, output, errors) == (0, "", "")


async def test_announced_gap_is_logged_and_reported(server: FeedServer, lifted: Lifted) -> None:
    """A gap is in the log before the next message, and in the report."""
    client = await lifted.run(
        "--url", server.url, "--name", "alice", "--block-size", "2", "--blocks", "1", "--json"
    )
    await client.event("connected")
    await server.publish("users", 1)
    await server.say(Gap(feed="users", first=2, last=3, epoch="ab" * 6, cause="epoch"))
    await server.publish("users", 3, lost=2)
    gap = await client.event("gap")
    assert (gap["first"], gap["last"], gap["cause"]) == (2, 3, "epoch")
    assert (await client.end())[0] == 0
    (part,) = server.reports[0].feeds.values()
    assert (part.first, part.last, part.count, part.gaps) == (1, 4, 2, 2)
    (session,) = read_log(lifted.home / "logs" / "alice.log")
    assert session.blocks[0].gaps == ["--- gap users 2 to 3: epoch, goes on in abababababab"]


async def test_skipped_offsets_are_a_gap(server: FeedServer, lifted: Lifted) -> None:
    """Offsets that are skipped without an announcement are reported as a gap."""
    client = await lifted.run(
        "--url", server.url, "--name", "alice", "--block-size", "2", "--blocks", "1", "--json"
    )
    await client.event("connected")
    await server.publish("users", 1)
    await server.publish("users", 3, lost=2)
    gap = await client.event("gap")
    assert (gap["first"], gap["last"], gap["cause"]) == (2, 3, "unannounced")
    assert (await client.end())[0] == 0
    (part,) = server.reports[0].feeds.values()
    assert (part.first, part.last, part.count, part.gaps) == (1, 4, 2, 0)


async def test_duplicates_are_dropped_and_counted(server: FeedServer, lifted: Lifted) -> None:
    """A message that arrives twice is in the log once, and the report counts the duplicate."""
    client = await lifted.run(
        "--url", server.url, "--name", "alice", "--block-size", "2", "--blocks", "1", "--json"
    )
    await client.event("connected")
    await server.publish("users", 1)
    await server.say_text(server.lines["users"][0].decode())
    await server.publish("users", 1)
    assert (await client.end())[0] == 0
    assert server.reports[0].feeds["users"].duplicates == 1
    (session,) = read_log(lifted.home / "logs" / "alice.log")
    assert offsets(session, "users") == [1, 2]


async def test_texts_of_the_server_are_escaped(server: FeedServer, lifted: Lifted) -> None:
    """Control characters and markup from the server do not reach the terminal."""
    client = await lifted.run("--url", server.url, "--name", "alice")
    await client.line()
    await server.say(Notice(text="\x1b]0;owned\x07 [red]no[/red]"))
    assert await client.line() == r"\x1b]0;owned\x07 [red]no[/red]"


async def test_repeated_notice_is_shown_once(server: FeedServer, lifted: Lifted) -> None:
    """A notice about a feed is shown again only after another one."""
    client = await lifted.run(
        *("--url", server.url, "--feed", "users", "--feed", "arrays", "--json")
    )
    await client.event("connected")
    said = ["feed users is idle", "feed arrays is idle", "feed users is running"]
    for text in (*said[:2], *said[:2], said[2], said[0]):
        await server.say(Notice(text=text))
    shown = [(await client.event("notice"))["text"] for _ in range(4)]
    assert shown == [*said, said[0]]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (4501, "the server refuses this client: because (4501)\n"),
        (4509, "another client with this session took over (because)\n"),
    ],
)
async def test_refusal_ends_the_client(
    server: FeedServer, lifted: Lifted, code: int, sentence: str
) -> None:
    """A close code of 4500 or above ends the client with exit code 3."""
    server.refusal = Farewell(code=code, reason="because", retry_after=0)
    client = await lifted.run("--url", server.url)
    exit_code, _, errors = await client.end()
    assert (exit_code, errors) == (3, sentence)


async def test_close_code_1000_ends_the_client(server: FeedServer, lifted: Lifted) -> None:
    """A server that closes with 1000 ends the client with exit code 0."""
    client = await lifted.run("--url", server.url, "--json")
    await client.event("connected")
    await server.close(Farewell(code=1000, reason="done", retry_after=0))
    assert (await client.end())[0] == 0


async def test_client_runs_as_a_module(server: FeedServer, lifted: Lifted) -> None:
    """``python -m clientapp collect`` is the same client."""
    client = await lifted.run_module("collect", "--url", server.url, "--blocks", "1", "--json")
    await client.event("connected")
    await server.publish("users", 10)
    assert (await client.end())[0] == 0


async def test_renamed_copy_works(server: FeedServer, tmp_path: Path) -> None:
    """The folder may be copied under any name."""
    lifted = Lifted(tmp_path, name="feed client 2")
    client = await lifted.run("--url", server.url, "--block-size", "1", "--blocks", "1", "--json")
    await client.event("connected")
    await server.publish("users", 1)
    assert (await client.end())[0] == 0


async def test_broken_block_is_explained(server: FeedServer, lifted: Lifted) -> None:
    """On request the client explains a block from its log; it records every verdict."""
    client = await lifted.run("--url", server.url, "--name", "alice", "--block-size", "2", "--json")
    await client.event("connected")
    await server.publish("users", 1)
    await server.publish("users", 2, lost=1)
    broken = Ack(block=1, verdict="broken", reason="users: 2 missing")
    assert (await client.event("ack"))["verdict"] == "broken"
    await server.say(Explain(block=1))
    await server.until(lambda: len(server.explained) == 1)
    lines = server.lines["users"]
    told = [(1, crc32(lines[0])), (3, crc32(lines[2]))]
    assert server.explained == [Explained(block=1, lines={"users": told}, more=False)]
    await server.say(broken)
    ack = await client.event("ack")
    assert (ack["verdict"], ack["reason"]) == (broken.verdict, broken.reason)
    await server.say(Explain(block=7))
    await server.until(lambda: len(server.explained) == 2)
    assert server.explained[1].lines == {}
    client.interrupt()
    assert (await client.end())[0] == 0
    (session,) = read_log(lifted.home / "logs" / "alice.log")
    assert session.verdicts == {1: "broken, users: 2 missing"}
