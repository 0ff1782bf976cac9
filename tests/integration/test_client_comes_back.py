"""The client when something fails: server, connection, process or log."""

from clientapp.verify import verify
from clientapp.wire.from_server import Ack, Failure, Farewell
from clientapp.wire.message import make_line
from clientapp.wire.position import Position
from tests.support.client_process import Lifted
from tests.support.feed_server import EPOCH, STARTED_US, FeedServer
from tests.support.log_oracle import offsets, read_log


def options(server: FeedServer, *more: str) -> list[str]:
    """Return the options of alice."""
    return ["--url", server.url, "--name", "alice", "--json", *more]


async def test_lost_connection_interrupts_blocks(server: FeedServer, lifted: Lifted) -> None:
    """The block that was cut, and blocks that were caught up, are marked as interrupted."""
    client = await lifted.run(*options(server, "--block-size", "4", "--blocks", "4", "--console"))
    await client.event("connected")
    await server.publish("users", 2)
    await client.event("message")
    await client.event("message")
    server.drop()
    await server.publish("users", 8)
    for _ in range(2):
        await client.event("block")
    await server.publish("users", 6)
    code, _, _ = await client.end()
    assert code == 0
    assert server.requests[1].after == {"users": Position(EPOCH, 2, STARTED_US + 2_000_000)}
    assert server.requests[1].session == server.requests[0].session
    (session,) = read_log(lifted.home / "logs" / "alice.log")
    assert offsets(session, "users") == list(range(1, 17))
    interrupted = [block.header["interrupted"] for block in session.blocks]
    # The third block has two messages of the backlog and two live ones.
    assert interrupted == [True, True, True, False]
    assert [block.header["due"] for block in session.blocks] == [
        [STARTED_US + first * 1_000_000, STARTED_US + (first + 3) * 1_000_000]
        for first in (1, 5, 9, 13)
    ]
    assert all(block.header["rates"] == {"users": 1.0} for block in session.blocks)


async def test_client_survives_a_server_restart(server: FeedServer, lifted: Lifted) -> None:
    """The client waits for a server that is down, and resumes when it is back."""
    client = await lifted.run(*options(server, "--block-size", "2"))
    await client.event("connected")
    await server.publish("users", 3)
    await client.event("ack")
    await server.stop()
    assert (await client.event("waiting"))["reason"] == "the connection broke"
    assert (await client.event("waiting"))["reason"] == "connection refused"
    await server.start()
    await server.publish("users", 1)
    block = await client.event("block")
    assert (block["block"], block["feeds"]["users"]["first"]) == (2, 3)


async def test_retry_after_of_a_bye_is_obeyed(server: FeedServer, lifted: Lifted) -> None:
    """The reason of a bye is shown, and the client waits at least its retry_after."""
    client = await lifted.run(*options(server))
    await client.event("connected")
    await server.close(Farewell(code=4001, reason="restarting", retry_after=0.5))
    assert (await client.event("disconnected"))["reason"] == "restarting"
    waiting = await client.event("waiting")
    assert (waiting["reason"], waiting["seconds"] >= 0.5) == ("restarting", True)
    await client.event("connected")


async def test_silent_server_is_left(server: FeedServer, lifted: Lifted) -> None:
    """After three heartbeat periods without a frame the client reconnects."""
    server.heartbeat = 0.01
    client = await lifted.run(*options(server))
    await server.until(lambda: len(server.requests) >= 2)
    event = await client.event("disconnected")
    assert event["reason"] == "nothing arrived in time"


async def test_late_explanation_repeats_no_report(server: FeedServer, lifted: Lifted) -> None:
    """If the explanation of a broken block comes last, no judged block is reported again."""
    client = await lifted.run(*options(server, "--block-size", "1"))
    await client.event("connected")
    await server.publish("users", 3)
    for _ in range(3):
        await client.event("ack")
    await server.say(Ack(block=1, verdict="broken", reason="users: 1 altered"))
    assert (await client.event("ack"))["verdict"] == "broken"
    server.drop()
    await client.event("connected")
    await server.publish("users", 1)
    assert (await client.event("ack"))["block"] == 4
    client.interrupt()
    assert (await client.event("summary"))["verdicts"] == {"broken": 1, "verified": 3}
    assert [report.block for report in server.reports] == [1, 2, 3, 4]


async def test_server_without_reports_gets_them_again(server: FeedServer, lifted: Lifted) -> None:
    """A server that lost its reports gets them again, and each block counts once."""
    client = await lifted.run(*options(server, "--block-size", "1"))
    await client.event("connected")
    await server.publish("users", 3)
    for _ in range(3):
        await client.event("ack")
    server.stored.clear()
    server.drop()
    for _ in range(3):
        await client.event("ack")
    client.interrupt()
    assert (await client.event("summary"))["verdicts"] == {"verified": 3}
    verified = verify(lifted.home / "logs" / "alice.log")
    assert verified.findings is not None
    assert [session.verdicts for session in verified.findings.sessions] == [{"verified": 3}]


async def test_backoff_needs_proof(server: FeedServer, lifted: Lifted) -> None:
    """A server that accepts connections and closes them at once is tried at growing intervals."""
    server.refusal = Farewell(code=4001, reason="not yet", retry_after=0)
    client = await lifted.run(*options(server))
    attempts = [(await client.event("waiting"))["attempt"] for _ in range(3)]
    assert attempts == [1, 2, 3]


async def test_record_that_cannot_be_logged_is_requested_again(
    server: FeedServer, lifted: Lifted
) -> None:
    """The record is requested again, at growing intervals, until it can be logged."""
    client = await lifted.run(*options(server, "--block-size", "3", "--blocks", "1"))
    await client.event("connected")
    await server.publish("users", 1)
    good = make_line("users", 2, STARTED_US, b'{"name":1}')
    server.lines["users"].append(good.replace(b"1}", b"1e999}"))
    server.drop()
    waiting = [await client.event("waiting") for _ in range(4)]
    assert [one["attempt"] for one in waiting] == [1, 2, 3, 4]
    assert "Out of range float values" in waiting[-1]["reason"]
    server.lines["users"][1] = good
    await server.publish("users", 1)
    code, _, _ = await client.end()
    assert code == 0
    assert {request.after["users"].offset for request in server.requests[1:]} == {1}
    log = lifted.home / "logs" / "alice.log"
    (session,) = read_log(log)
    assert offsets(session, "users") == [1, 2, 3]
    findings = verify(log).findings
    assert findings is not None
    assert (findings.is_whole, findings.sessions[0].gaps) == (True, 0)


async def test_protocol_error_loses_nothing(server: FeedServer, lifted: Lifted) -> None:
    """A frame that breaks the protocol ends the connection, and no message is lost."""
    client = await lifted.run(*options(server, "--block-size", "2", "--blocks", "1"))
    await client.event("connected")
    await server.publish("users", 1)
    await server.say_text('{"type":"message","feed":"users","offset":"two"}')
    await client.event("disconnected")
    await server.publish("users", 1)
    assert (await client.end())[0] == 0
    (session,) = read_log(lifted.home / "logs" / "alice.log")
    assert offsets(session, "users") == [1, 2]


async def test_unacknowledged_report_is_sent_again(server: FeedServer, lifted: Lifted) -> None:
    """After a reconnect the reports without an acknowledgement are sent again, in order."""
    server.acknowledges = False
    client = await lifted.run(*options(server, "--block-size", "1", "--blocks", "2"))
    await client.event("connected")
    await server.publish("users", 2)
    await server.until(lambda: len(server.reports) == 2)
    server.acknowledges = True
    server.drop()
    assert (await client.end())[0] == 0
    assert [report.block for report in server.reports] == [1, 2, 1, 2]
    assert server.reports[:2] == server.reports[2:]


async def test_busy_server_gets_the_report_again(server: FeedServer, lifted: Lifted) -> None:
    """A report that the server could not take is sent again on the same connection."""
    server.refusals = {1: Failure(code="busy", text="come back later", retryable=True)}
    client = await lifted.run(*options(server, "--block-size", "1", "--blocks", "1"))
    await client.event("connected")
    await server.publish("users", 1)
    assert (await client.event("warning"))["text"] == "busy: come back later"
    assert (await client.end())[0] == 0
    assert ([report.block for report in server.reports], len(server.requests)) == ([1, 1], 1)


async def test_busy_block_is_repeated_with_later_ones(server: FeedServer, lifted: Lifted) -> None:
    """The refused block and the blocks after it are sent again, but none before it."""
    busy = Failure(code="busy", text="come back later", retryable=True, block=2)
    server.refusals = {1: None, 2: busy, 3: None}
    client = await lifted.run(*options(server, "--block-size", "1", "--blocks", "3"))
    await client.event("connected")
    await server.publish("users", 3)
    await server.until(lambda: len(server.reports) >= 5)
    server.stored.clear()
    server.drop()
    assert (await client.end())[0] == 0
    assert [report.block for report in server.reports[:5]] == [1, 2, 3, 2, 3]
    assert 1 in [report.block for report in server.reports[5:]]


async def test_conflict_is_reported_once(server: FeedServer, lifted: Lifted) -> None:
    """A report in conflict is shown once, never sent again, and delays no other."""
    conflict = Failure(code="conflict", text="another one is stored", retryable=False, block=1)
    server.refusals = {1: conflict, 2: None}
    client = await lifted.run(*options(server, "--block-size", "1", "--blocks", "2"))
    await client.event("connected")
    await server.publish("users", 2)
    await server.until(lambda: len(server.reports) == 2)
    assert (await client.event("warning"))["text"] == "conflict: another one is stored"
    server.drop()
    code, output, _ = await client.end()
    assert (code, "warning" in output) == (0, False)
    assert [report.block for report in server.reports] == [1, 2, 2]


async def test_client_resumes_after_kill(server: FeedServer, lifted: Lifted) -> None:
    """After kill -9 the next start resumes with the next block of the session."""
    server.acknowledges = False
    client = await lifted.run(*options(server, "--block-size", "2"))
    await client.event("connected")
    await server.publish("users", 5)
    await server.until(lambda: len(server.reports) == 2)
    await client.kill()
    server.acknowledges = True
    server.stored[1] = server.reports[0]
    client = await lifted.run(*options(server, "--block-size", "2", "--blocks", "1"))
    await server.until(lambda: len(server.requests) == 2)
    await server.publish("users", 1)
    assert (await client.end())[0] == 0
    assert server.requests[1].session == server.requests[0].session
    assert server.requests[1].after == {"users": Position(EPOCH, 4, STARTED_US + 4_000_000)}
    # The server has block 1, but the client has no verdict for it and so reports it again.
    assert [report.block for report in server.reports] == [1, 2, 1, 2, 3]
    (session,) = read_log(lifted.home / "logs" / "alice.log")
    assert offsets(session, "users") == [1, 2, 3, 4, 5, 6]


async def test_torn_block_is_fetched_again(server: FeedServer, lifted: Lifted) -> None:
    """A block that a crash tore is cut off and fetched again."""
    log = lifted.home / "logs" / "alice.log"
    client = await lifted.run(*options(server, "--block-size", "2", "--blocks", "2"))
    await client.event("connected")
    await server.publish("users", 4)
    assert (await client.end())[0] == 0
    text = log.read_bytes()
    log.write_bytes(text[: text.index(b"=== end of block 2") + 30])
    del server.stored[2]
    client = await lifted.run(*options(server, "--block-size", "2", "--blocks", "1"))
    assert "of a torn block were removed from" in (await client.event("warning"))["text"]
    assert (await client.end())[0] == 0
    (session,) = read_log(log)
    assert offsets(session, "users") == [1, 2, 3, 4]


async def test_different_options_start_a_new_session(server: FeedServer, lifted: Lifted) -> None:
    """Another block size on the same log starts a new session in it, and the client says so."""
    for size, count in (("2", 2), ("1", 1)):
        client = await lifted.run(*options(server, "--block-size", size, "--blocks", "1"))
        if size == "1":
            said = "the last session in logs/alice.log has another block size; a new one begins"
            assert (await client.event("warning"))["text"] == said
        await client.event("connected")
        await server.publish("users", count)
        assert (await client.end())[0] == 0
        server.stored.clear()
    first, second = read_log(lifted.home / "logs" / "alice.log")
    assert (offsets(first, "users"), offsets(second, "users")) == ([1, 2], [3])
    assert first.asked["session"] != second.asked["session"]


async def test_log_behind_the_server_is_refused(server: FeedServer, lifted: Lifted) -> None:
    """A log that lacks blocks which the server has is refused; its blocks are not renumbered."""
    client = await lifted.run(*options(server, "--block-size", "1", "--blocks", "1"))
    await client.event("connected")
    await server.publish("users", 1)
    assert (await client.end())[0] == 0
    server.stored[2] = server.stored[1]
    client = await lifted.run(*options(server, "--block-size", "1"))
    code, _, errors = await client.end()
    assert (code, "has 2 blocks of this session, but the log" in errors) == (1, True)


async def test_second_client_on_a_log_is_refused(server: FeedServer, lifted: Lifted) -> None:
    """The second client on a log is refused with a sentence."""
    first = await lifted.run(*options(server))
    await first.event("connected")
    second = await lifted.run(*options(server))
    code, _, errors = await second.end()
    assert code == 1
    assert errors == "another client writes the log logs/alice.log; choose another one with --log\n"
    first.interrupt()
    assert (await first.end())[0] == 0


async def test_foreign_file_stays_unchanged(server: FeedServer, lifted: Lifted) -> None:
    """A file that is not a block log is refused and stays unchanged."""
    letter = lifted.home / "letter.txt"
    letter.write_text("Dear Ada,\n")
    client = await lifted.run(*options(server, "--log", str(letter)))
    code, _, errors = await client.end()
    assert (code, "is not a block log" in errors) == (1, True)
    assert letter.read_text() == "Dear Ada,\n"
