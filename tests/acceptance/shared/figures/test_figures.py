"""Every figure of page, dashboard, analysis page and ``analyse``, computed by hand."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from statistics import median_low
from typing import Any

import pytest

from feeds.core.keys import stored_key
from feeds.pages.pace import ENOUGH_FOR_P90, MOST_TIMED
from feeds.show import UNKNOWN
from tests.support.by_hand import HandBlock, blocks_of, figures, grouped
from tests.support.stack import PATIENCE_SECONDS, Program, Stack, until
from tests.support.staff import Staff

CLIENTS = {
    "alice": ("--block-size=3",),
    "bob": ("--feed=users", "--feed=arrays", "--block-size=6"),
}
MEMBERS = 28
NEAR_US = 300_000
"""A message this close to the end or start of a connection may belong to either side."""
CAUGHT_UP_US = 5_000_000
"""From this time after a reconnect on, every prompt message is live."""
PROMPT_US = 40_000
"""A message this soon after it was due is prompt; on a busy machine many are not."""


@dataclass
class Played:
    """A product on which all events have happened and ended."""

    stack: Stack
    staff: Staff
    blocks: list[HandBlock]
    logs: list[Path]


def verified(program: Program) -> int:
    """Return how many blocks of a client were verified, according to its output."""
    return len(re.findall(r"^Block \d+ verified", program.said, re.MULTILINE))


def collect_more(clients: list[Program], blocks: int) -> None:
    """Wait until each client has this many more *blocks*."""
    wanted = [verified(client) + blocks for client in clients]
    until(
        lambda: all(verified(one) >= most for one, most in zip(clients, wanted, strict=True)),
        lambda: "\n".join(client.said for client in clients),
    )


def set_rate(stack: Stack, feed: str, rate: float) -> None:
    """Change the rate of a feed while it runs, as the admin does."""
    with closing(sqlite3.connect(stack.folder / "var" / "db.sqlite3", timeout=30)) as database:
        database.execute("UPDATE feeds_feed SET rate = ? WHERE name = ?", (rate, feed))
        database.commit()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Run two clients, a restart, a change of rate and a swarm of 28 on one installation."""
    stack = Stack(tmp_path_factory.mktemp("figures"))
    try:
        yield _play(stack)
    finally:
        stack.close()


def _play(stack: Stack) -> Played:
    server = stack.server()
    set_rate(stack, "users", 5)
    set_rate(stack, "arrays", 10)
    stack.generator()
    clients = [stack.client(name, *options) for name, options in CLIENTS.items()]
    collect_more(clients, 2)
    assert server.stop(signal.SIGTERM) == 0
    due = stack.rows("SELECT promised FROM feeds_feed WHERE name = 'users'")[0][0]
    until(
        lambda: stack.rows("SELECT promised FROM feeds_feed WHERE name = 'users'")[0][0] > due + 10,
        lambda: "the generator stopped",
    )
    stack.server()
    collect_more(clients, 5)
    set_rate(stack, "users", 20)
    logs = stack.folder / "swarm"
    swarm = stack.program(
        "swarm", sys.executable, "-m", "clientapp", "swarm", f"--url={stack.url}", "--seconds=12",
        f"--clients={MEMBERS}", "--mix=users:10", "--mix=users+arrays:15", f"--logs={logs}",
        f"--results={logs}",
    )  # fmt: skip
    assert swarm.process.wait(PATIENCE_SECONDS) == 0, swarm.said
    for client in clients:
        assert client.stop() == 0
    paths = [*(stack.log(name) for name in CLIENTS), *sorted(logs.glob("*.log"))]
    blocks = blocks_of(stack, paths)
    return Played(stack, Staff(stack), blocks, paths)


def servers(stack: Stack) -> list[str]:
    """Return the names of the two servers, in the order they ran."""
    return [name for (name,) in stack.rows("SELECT DISTINCT server FROM feeds_connection")]


def sampled(stack: Stack) -> int:
    """Return the number of reports in the samples of the second server."""
    query = "SELECT TOTAL(blocks) FROM feeds_sample WHERE server = ?"
    return int(stack.rows(query, servers(stack)[-1])[0][0])


def before_restart(stack: Stack) -> list[int]:
    """Return the ids of the reports stored by the first server."""
    query = "SELECT MAX(closed_at) FROM feeds_connection WHERE server = ?"
    ((ended,),) = stack.rows(query, servers(stack)[0])
    stored = "SELECT id FROM feeds_blockreport WHERE received_at <= ?"
    return [key for (key,) in stack.rows(stored, ended)]


def seconds(value: float) -> str:
    """Return a time as the page shows it."""
    return f"{value:,.2f} s" if abs(value) >= 1 else f"{value * 1000:z,.1f} ms"


def test_all_conditions_occurred(played: Played) -> None:
    """There are two rates of users, one and two feeds, a catch-up, and 28 members."""
    labels = {block.label for block in played.blocks}
    rates = {f"{arrays}users {rate}/s" for rate in (5, 20) for arrays in ("", "arrays 10/s + ")}
    assert rates <= labels
    assert len({block.session for block in played.blocks}) == len(CLIENTS) + MEMBERS
    assert {block.verdict for block in played.blocks} <= {"verified", ""}
    assert any(block.interrupted for block in played.blocks)


def test_stored_ideal_matches_the_schedule(played: Played) -> None:
    """Each report has the time from its first to its last message, by the segments."""
    query = (
        "SELECT key, number, ideal, interrupted FROM feeds_blockreport"
        " JOIN feeds_clientsession ON feeds_clientsession.id = session_id"
    )
    stored = {(key, number): tuple(row) for key, number, *row in played.stack.rows(query)}
    for block in played.blocks:
        if block.verdict:
            ideal, interrupted = stored[stored_key(block.session), block.number]
            assert ideal == pytest.approx(block.ideal, abs=1e-9), block
            assert bool(interrupted) == block.interrupted


def is_prompt(block: HandBlock) -> bool:
    """Tell whether each message of a block arrived promptly."""
    pairs = zip(block.due, block.received, strict=True)
    return all(received - due < PROMPT_US for due, received in pairs)


def test_blocks_around_the_restart_are_interrupted(played: Played) -> None:
    """Blocks with a message due before the reconnect and received after it are interrupted."""
    query = (
        "SELECT key, strftime('%s', opened_at) * 1000000 + substr(opened_at, 21, 6),"
        " strftime('%s', closed_at) * 1000000 + substr(closed_at, 21, 6)"
        " FROM feeds_connection JOIN feeds_clientsession ON feeds_clientsession.id = session_id"
        " ORDER BY opened_at"
    )
    connections: dict[str, list[tuple[int, int]]] = {}
    for key, opened, closed in played.stack.rows(query):
        connections.setdefault(key, []).append((opened, closed))
    caught_up = live = 0
    for block in played.blocks:
        (_, lost), *again = connections[stored_key(block.session)]
        back = again[0][0] if again else lost
        if any(
            due < back - NEAR_US and back < received
            for due, received in zip(block.due, block.received, strict=True)
        ):
            caught_up += 1
            assert block.interrupted, block
        elif is_prompt(block) and (
            block.received[-1] < lost - NEAR_US or min(block.due) > back + CAUGHT_UP_US
        ):
            live += 1
            assert not block.interrupted, block
    assert caught_up >= 4
    assert live >= 4


def newest(played: Played) -> list[HandBlock]:
    """Return the blocks of the reports that the page reads; slow machines store more reports."""
    query = (
        "SELECT key, number FROM feeds_blockreport"
        " JOIN feeds_clientsession ON feeds_clientsession.id = session_id"
        f" ORDER BY received_at DESC, feeds_blockreport.id DESC LIMIT {MOST_TIMED}"
    )
    read = set(played.stack.rows(query))
    return [one for one in played.blocks if (stored_key(one.session), one.number) in read]


def test_page_matches_a_calculation_by_hand(played: Played) -> None:
    """The page's rows, its latency and the number of blocks left out match."""
    status = json.loads(played.stack.get("status.json"))
    blocks = newest(played)
    groups = grouped(blocks, lambda block: (block.label, f"{block.size:,}"))
    shown = {(row["rates"], row["size"]): row for row in status["sizes"]}
    assert shown
    for key, row in shown.items():
        judged = [block for block in groups[key] if block.verdict]
        if not any(block.counts for block in judged):
            assert row["blocks"] == "0"
            continue
        found = figures(judged)
        assert row == row | {
            "blocks": f"{found['blocks']:,}",
            "left_out": f"{found['left_out']:,}",
            "p50": seconds(found["p50"]),
            "ideal": seconds(found["ideal_p50"]),
            "overhead": seconds(found["overhead_p50"]),
            "overhead_p90": seconds(found["overhead_p90"])
            if found["blocks"] >= ENOUGH_FOR_P90
            else UNKNOWN,
        }, key
    whole = figures([block for block in blocks if block.verdict])
    assert status["latency"] == seconds(whole["latency_p50"])
    has_p99 = whole["blocks"] >= 100
    assert (seconds(whole["latency_p99"]) in status["latency_note"]) is has_p99
    assert status["left_out"] == f"Left out: {whole['left_out']} around a reconnect or catch-up."


def test_analysis_page_matches_a_calculation_by_hand(played: Played) -> None:
    """The rows of the first table, and all blocks of the second one, match."""
    page = unescape(played.staff.get("admin/feeds/blockreport/analysis/"))
    first, second = re.findall(r"<tbody>(.*?)</tbody>", page, re.DOTALL)[-2:]
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", first)]
    judged = [block for block in played.blocks if block.verdict]
    groups = grouped(judged, lambda block: (block.label, f"{block.size:,}"))
    assert {(row[0], row[1]) for row in rows} == groups.keys()
    for label, size, *cells in rows:
        blocks = groups[label, size]
        if not any(block.counts for block in blocks):
            assert cells[:2] == ["0", f"{len(blocks)}"]
            continue
        found = figures(blocks)
        assert cells == [
            f"{found['blocks']:,}",
            f"{found['left_out']:,}",
            *(f"{found[name]:.3f}" for name in ("ideal_p50", "p50", "p99")),
            *(f"{found[name] * 1000:z,.2f}" for name in ("overhead_p50", "overhead_p99")),
            *(
                f"{found[name] * 1000:,.2f}"
                for name in ("latency_p50", "latency_p99", "latency_max")
            ),
        ], (label, size)
    more = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", second)]
    assert sum(int(row[3]) for row in more) == sum(int(row[2]) for row in rows)


def test_filter_selects_exactly_its_feeds(played: Played) -> None:
    """With the filter for users, the page shows no block of a client of both feeds."""
    page = played.staff.get("admin/feeds/blockreport/analysis/?feeds=users")
    alone = [b for b in played.blocks if b.verdict and not b.label.startswith("arrays")]
    assert f"{len(alone)} reports." in page
    assert "<td>arrays" not in page


def test_analyse_matches_a_calculation_by_hand(played: Played) -> None:
    """Each cell of the study has the figures computed by hand."""
    out = played.stack.folder / "study"
    folder = played.stack.folder / "swarm"
    paths = [str(played.stack.log(name)) for name in CLIENTS] + [*map(str, folder.glob("*.log"))]
    command = (sys.executable, "-m", "clientapp", "analyse", *paths, f"--out={out}")
    program = played.stack.program("analyse", *command)
    assert program.process.wait(PATIENCE_SECONDS) == 0, program.said
    assert program.said.startswith("Block time = ideal + overhead.")
    spans = {
        key: (blocks[0].received[0], blocks[-1].received[-1])
        for key, blocks in grouped(played.blocks, lambda block: block.session).items()
    }

    def beside(session: str) -> int:
        middle = sum(spans[session]) // 2
        return sum(begin <= middle <= end for begin, end in spans.values())

    groups = grouped(played.blocks, lambda one: (one.label, beside(one.session), one.size))
    cells: list[dict[str, Any]] = json.loads((out / "study.json").read_text())["cells"]
    counted = {key for key, blocks in groups.items() if any(block.counts for block in blocks)}
    assert {(one["feeds"], one["clients"], one["block_size"]) for one in cells} == counted
    for cell in cells:
        found = figures(groups[cell["feeds"], cell["clients"], cell["block_size"]])
        del found["overhead_p90"], found["ideal_p50"]
        assert {name: cell[name] for name in found} == pytest.approx(found, abs=1e-9)
        assert cell["received"] == cell["expected"]


def test_dashboard_matches_a_calculation_by_hand(played: Played) -> None:
    """Overhead and latency of the second server, and the peak of sessions, match."""
    stack = played.stack
    old = before_restart(stack)
    wanted = stack.rows("SELECT COUNT(*) FROM feeds_blockreport")[0][0]
    until(
        lambda: sampled(stack) >= wanted - len(old),
        lambda: "the last sample was not stored",
    )
    query = (
        "SELECT feeds_blockreport.id, key, number FROM feeds_blockreport"
        " JOIN feeds_clientsession ON feeds_clientsession.id = session_id ORDER BY 1"
    )
    by_hand = {(stored_key(block.session), block.number): block for block in played.blocks}
    new = [by_hand[key, number] for row, key, number in stack.rows(query) if row not in old]
    samples = stack.rows(
        "SELECT blocks, left_out, overhead_p50, overhead_p99, latency_p50, latency_p99"
        " FROM feeds_sample WHERE server = ? ORDER BY at",
        servers(stack)[-1],
    )
    for count, left_out, *shown in samples:
        mine, new = new[:count], new[count:]
        assert left_out == sum(not block.counts for block in mine)
        if any(block.counts for block in mine):
            found = figures(mine)
            names = ("overhead_p50", "overhead_p99", "latency_p50", "latency_p99")
            assert shown == pytest.approx([found[name] for name in names], abs=1e-9)
    assert new == []
    charts = json.loads(played.staff.get("admin/dashboard.json"))["charts"]
    drawn = {chart["title"]: json.loads(chart["data"])["datasets"] for chart in charts}
    for title, column in (("Overhead", "overhead"), ("Latency", "latency")):
        minutes: dict[str, list[tuple[float, float]]] = {}
        query = (
            f"SELECT substr(at, 1, 16), {column}_p50 * 1000, {column}_p99 * 1000"
            f" FROM feeds_sample WHERE {column}_p50 IS NOT NULL ORDER BY at"
        )
        for minute, *pair in stack.rows(query):
            minutes.setdefault(minute, []).append((pair[0], pair[1]))
        middle, highest = (
            [value for value in line["data"] if value is not None] for line in drawn[title]
        )
        assert middle == [median_low(p50 for p50, _ in pairs) for pairs in minutes.values()]
        assert highest == [max(p99 for _, p99 in pairs) for pairs in minutes.values()]
    sessions = [value for value in drawn["Sessions"][0]["data"] if value is not None]
    assert max(sessions) == len(CLIENTS) + MEMBERS
