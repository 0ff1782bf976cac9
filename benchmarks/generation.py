"""
The number of messages that one core can make per second.

Run from the checkout: ``python -m benchmarks.generation --seconds 2``. Every
figure is the median of five windows, taken in turns, so that a busy machine
slows all of them equally. A line is the text that a server sends: the record
within its message.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import count
from statistics import median
from typing import Any

import orjson
from faker import Faker

from clientapp.wire.message import make_line
from feeds.sources import CHUNK, Source, make_source

PLAIN = "plain Faker, the same ten fields"
WINDOWS = 5
STARTED_US = 1_800_000_000_000_000
STEP_US = 10_000

Batches = Iterator[int]
"""Makes a batch per step, and yields its number of messages."""


def lines_of(source: Source) -> Batches:
    """Make the lines of a source, chunk by chunk."""
    for first in count(1, CHUNK):
        records = source.records(first, CHUNK)
        lines = [
            make_line("bench", offset, STARTED_US + offset * STEP_US, record)
            for offset, record in enumerate(records, first)
        ]
        yield len(lines)


def plain_faker(*, use_weighting: bool) -> Batches:
    """Make records of the same fields as users have, by Faker alone."""
    faker = Faker("en_US", use_weighting=use_weighting)
    faker.seed_instance(1)
    for _ in count():
        record = {
            "name": faker.name(),
            "username": faker.user_name(),
            "email": faker.email(),
            "phone": faker.phone_number(),
            "job": faker.job(),
            "company": faker.company(),
            "city": faker.city(),
            "country": faker.country(),
            "link": faker.url(),
            "date_of_birth": faker.date_of_birth(minimum_age=18, maximum_age=90).isoformat(),
        }
        orjson.dumps(record)
        yield 1


def ready_records() -> Batches:
    """Encode messages whose records are existing dictionaries: the limit."""
    records = [orjson.loads(record) for record in make_source("users", {}, 1).records(1, CHUNK)]
    for first in count(1, CHUNK):
        lines = [
            orjson.dumps(
                {
                    "type": "message",
                    "feed": "bench",
                    "offset": offset,
                    "at": STARTED_US + offset * STEP_US,
                    "data": record,
                }
            )
            for offset, record in enumerate(records, first)
        ]
        yield len(lines)


def arrays(**spec: Any) -> Batches:
    """Make the lines of an arrays source."""
    return lines_of(make_source("arrays", spec, 1))


def rate(batches: Batches, seconds: float) -> float:
    """Return messages per second of CPU time over a window of *seconds*."""
    made = 0
    started = time.process_time()
    while (spent := time.process_time() - started) < seconds:
        made += next(batches)
    return made / spent


def main() -> None:
    """Measure everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="CPU seconds for each row (default: 2)"
    )
    seconds = parser.parse_args().seconds

    started = time.process_time()
    users = make_source("users", {}, 1)
    users.records(1, 1)
    first_record = time.process_time() - started

    rows: dict[str, Batches] = {
        PLAIN: plain_faker(use_weighting=True),
        "plain Faker without weights": plain_faker(use_weighting=False),
        "users": lines_of(users),
        "limit: encoding ready dictionaries": ready_records(),
        "arrays, ten integers": arrays(),
        "arrays, ten uniform numbers": arrays(distribution="uniform"),
        "arrays, ten normal numbers": arrays(distribution="normal"),
    }
    windows: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(WINDOWS):
        for name, batches in rows.items():
            windows[name].append(rate(batches, seconds / WINDOWS))
    figures = {name: median(found) for name, found in windows.items()}

    plain = figures[PLAIN]
    print(f"{'one core':<36} {'messages/s':>12} {'of plain Faker':>15}")
    for name, figure in figures.items():
        print(f"{name:<36} {figure:>12,.0f} {figure / plain:>14,.0f}x")
    print(f"the first record of users came after {first_record:.3f} s")


if __name__ == "__main__":
    main()
