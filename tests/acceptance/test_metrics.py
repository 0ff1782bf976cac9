"""The metrics of several server processes that share a port."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.error import HTTPError

from prometheus_client.parser import text_string_to_metric_families

from tests.support.stack import PATIENCE_SECONDS, Program, Stack, until
from tests.support.staff import Staff

Samples = Mapping[tuple[str, ...], float]
"""The values by name and label."""


def scrape(stack: Stack) -> Samples:
    """Return the answer of one server, which the kernel chooses."""
    pages: list[str] = []

    def is_answered() -> bool:
        with suppress(HTTPError):  # a server that has not read its feeds yet
            pages.append(stack.get("metrics"))
        return bool(pages)

    until(is_answered, lambda: "no server has metrics")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(pages[0])
        for sample in family.samples
    }


def counters(samples: Samples) -> dict[tuple[str, ...], float]:
    """Return the counters among *samples*."""
    return {key: value for key, value in samples.items() if key[0].endswith("_total")}


def wait_for(stack: Stack, **wanted: float) -> Samples:
    """Wait until the servers have the *wanted* values, of metrics without a label."""
    seen: list[Samples] = []

    def is_there() -> bool:
        seen.append(scrape(stack))
        return all(seen[-1][f"blockfeed_{name}",] == value for name, value in wanted.items())

    until(is_there, lambda: str(seen[-1]))
    return seen[-1]


def tiles(staff: Staff) -> dict[str, Any]:
    """Return the tiles of the dashboard by their names."""
    return {one["name"]: one for one in json.loads(staff.get("admin/dashboard.json"))["tiles"]}


def test_sums_over_three_processes_equal_the_dashboard(stack: Stack) -> None:
    """Sessions, blocks and messages equal the dashboard's; no counter falls, even after kill -9."""
    stack.environment["DEBUG"] = "false"
    servers = [serve(stack) for _ in range(3)]
    stack.generator("--rate=20", "--count=200").process.wait(PATIENCE_SECONDS)
    for name in ("alice", "bob", "carol", "dave", "erin", "frank"):
        done = stack.client(name, "--from=1", "--block-size=40", "--blocks=5")
        assert done.process.wait(PATIENCE_SECONDS) == 0, done.said
    waiting = [stack.client(name, "--block-size=100") for name in ("grace", "heidi", "ivan")]
    for client in waiting:
        client.wait_for("Connected")
    staff = Staff(stack)
    until(lambda: tiles(staff)["Sessions online"]["value"] == "3", lambda: str(tiles(staff)))
    # A server that ends stores its last sample; the remaining server stores its next sample.
    assert [one.stop(signal.SIGTERM) for one in servers[:2]] == [0, 0]
    found = wait_for(stack, processes=1, sessions=3)
    assert tiles(staff)["Sessions online"]["value"] == "3"
    until(
        lambda: "of 30 blocks" in tiles(staff)["Verified"]["note"],
        lambda: f"the last server has not stored a sample: {tiles(staff)}",
    )
    assert found["blockfeed_blocks_total", "verified"] == 30
    assert servers[2].stop(signal.SIGTERM) == 0
    servers.append(serve(stack))
    found = scrape(stack)
    total = sum(value for key, value in found.items() if "messages_sent" in key[0])
    assert stack.rows("SELECT sum(messages), sum(verified) FROM feeds_sample") == [(total, 30)]
    assert found["blockfeed_processes",] == 1
    servers[-1].process.kill()
    servers[-1].process.wait()
    servers.append(serve(stack))
    later = counters(scrape(stack))
    assert {key: value for key, value in counters(found).items() if later[key] < value} == {}


def serve(stack: Stack) -> Program:
    """Start a server that shares the port of *stack*, and wait until it is ready."""
    program = stack.start("serve", f"--bind=127.0.0.1:{stack.port}", "--reuse-port")
    program.wait_for("serving at")
    return program
