"""
The cost of receipts: normal operation, and as many reports as a server accepts.

Run from the checkout: ``python -m benchmarks.receipts``. A load client in C
collects blocks, computes each digest and waits for each acknowledgement, which
follows after the report was checked, stored and committed. First a thousand
clients get 100 messages per second each and report blocks of 100. Then a hundred
clients report blocks of one message at increasing rates, until the server no
longer keeps up. Each window starts a new server with SQLite, a generator and
Valkey. They and the load client share all cores, because two processes handle
reports.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison import building
from benchmarks.comparison.building import MissingError
from benchmarks.comparison.modes import SMOKE_SECONDS, Mode
from benchmarks.comparison.race import Cores, FailedError, LoadClient, cpu_seconds, served

OFFERS = (20, 40, 80, 160)
"""Messages per second, and so reports per second of each client in the second part."""
BUSY = '"code":"busy"'
"""The server's error if clients offer more reports than it accepts."""
KEPT_UP = 0.98
"""The share of offered reports that a server must acknowledge to keep up."""


@dataclass(frozen=True, slots=True)
class Load:
    """The number of clients, messages per second, and messages per block."""

    clients: int
    rate: int
    block_size: int

    @property
    def offered(self) -> float:
        """Reports per second."""
        return self.clients * self.rate / self.block_size


def measure(program: Path, cores: Cores, load: Load, seconds: float) -> Mapping[str, Any]:
    """
    Return the load client's result; ``server_cpu`` is the server's share of a core.

    Raises FailedError if the run failed, or if a block was not verified.
    """
    mode = Mode(name="paced", title="", clients=load.clients, rate=load.rate)
    with ExitStack() as stack:
        blockfeed, place, server = served(stack, cores, mode)
        target = f"{blockfeed.target}&block_size={load.block_size}"
        dialect = ("report", str(load.block_size))
        client = LoadClient(program, place.port, target, load.clients, seconds, *dialect)
        stack.callback(client.close)
        client.event("open")
        blockfeed.publish(place, mode, 0)
        client.event("begin")
        began, spent = time.monotonic(), cpu_seconds(server)
        result = client.event("result")
        used = (cpu_seconds(server) - spent) / (time.monotonic() - began)
        if not result["reports"] == result["acks"] == result["verified"] > 0:
            raise FailedError(f"of {result['reports']} reports {result['verified']} were verified")
        return {**result, "server_cpu": used}


def show(load: Load, found: Mapping[str, Any]) -> None:
    """Print a line."""
    print(
        f"{load.clients:,} clients, {load.rate} messages/s, blocks of {load.block_size}: "
        f"{found['per_second']:,.0f} messages/s, {found['lost']} lost, "
        f"p50 {found['p50_ms']:.1f} ms, p99 {found['p99_ms']:.1f} ms; "
        f"{found['acks_per_second']:,.0f} of {load.offered:,.0f} reports/s acknowledged, "
        f"p50 {found['ack_p50_ms']:.0f} ms, p99 {found['ack_p99_ms']:.0f} ms; "
        f"{found['verified']:,} of {found['reports']:,} verified; "
        f"server {found['server_cpu']:.0%} of a core",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="length of a window (default: 10)"
    )
    options = parser.parse_args()
    try:
        program = building.compiled("load")
    except MissingError as missing:
        print(f"receipts cannot be measured: {missing}")
        return
    is_smoke = options.seconds < SMOKE_SECONDS
    cores = Cores.shared()
    everything = Load(20, 100, 5) if is_smoke else Load(1000, 100, 100)
    try:
        show(everything, measure(program, cores, everything, options.seconds))
        for rate in OFFERS[: 1 if is_smoke else None]:
            load = Load(100, rate, 1)
            try:
                found = measure(program, cores, load, options.seconds)
            except FailedError as failed:
                if BUSY not in str(failed):
                    raise
                print(f"{load.offered:,.0f} reports/s are too many: {failed}")
                break
            show(load, found)
            if found["acks_per_second"] < KEPT_UP * load.offered:
                break
    except FailedError as failed:
        raise SystemExit(str(failed)) from None


if __name__ == "__main__":
    main()
