"""The same bytes in every process, on every day and in every country."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from feeds.sources import CHUNK, make_source
from tests.support.wrong_clock import WrongClock, needs_compiler

CHECKOUT = Path(__file__).parents[3]
VECTORS = CHECKOUT / "tests" / "vectors" / "sources.json"

PROGRAM = """
import hashlib, json, sys
from feeds.sources import CHUNK, make_source

digest = hashlib.sha256()
for recipe in json.load(open(sys.argv[1], encoding="utf-8")):
    source = make_source(recipe["kind"], recipe["spec"], recipe["seed"])
    for text in (source.epoch.encode(), *source.records(1000 * CHUNK, 2 * CHUNK)):
        digest.update(text)
print(digest.hexdigest())
"""

NO_CLOCK = """
import datetime, logging, time  # logging notes when it is imported

def refuse(*args, **kwargs):
    raise AssertionError("the program asked for the time")

class Date(datetime.date):
    today = refuse

class DateTime(datetime.datetime):
    now = today = utcnow = refuse

datetime.date, datetime.datetime = Date, DateTime
time.time = time.time_ns = time.localtime = time.gmtime = time.ctime = refuse
"""


@pytest.fixture(scope="module")
def expected() -> str:
    """Return the digest that the program must print, computed in this process."""
    digest = hashlib.sha256()
    for recipe in json.loads(VECTORS.read_text(encoding="utf-8")):
        source = make_source(recipe["kind"], recipe["spec"], recipe["seed"])
        for text in (source.epoch.encode(), *source.records(1000 * CHUNK, 2 * CHUNK)):
            digest.update(text)
    return digest.hexdigest()


def run(program: str, **environment: str) -> str:
    """Return the output of *program*, run in a process of its own."""
    finished = subprocess.run(
        [sys.executable, "-c", program, str(VECTORS)],
        cwd=CHECKOUT,
        env=os.environ | environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


@pytest.mark.parametrize(
    ("hash_seed", "zone", "language"),
    [("1", "Pacific/Kiritimati", "tr_TR.UTF-8"), ("4242", "America/Los_Angeles", "C")],
)
def test_another_process_makes_the_same_bytes(
    expected: str, hash_seed: str, zone: str, language: str
) -> None:
    """Hash seed, time zone and language of a process do not matter."""
    actual = run(PROGRAM, PYTHONHASHSEED=hash_seed, TZ=zone, LANG=language, LC_ALL=language)

    assert actual == expected


def test_nothing_reads_the_clock(expected: str) -> None:
    """The bytes are the same even if every question for the time is an error."""
    assert run(NO_CLOCK + PROGRAM) == expected


@needs_compiler
def test_bytes_are_the_same_a_year_later(expected: str, tmp_path: Path) -> None:
    """The process believes that it is a year later."""
    year = 365 * 24 * 3600
    assert run(PROGRAM, **WrongClock(tmp_path, year).environment) == expected
