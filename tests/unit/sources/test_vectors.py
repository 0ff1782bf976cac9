"""
The records of some feeds, pinned to the byte.

A failure after an upgrade of Faker, numpy or orjson, or after a change of a source, means that
feeds in use will get a new epoch: their sessions continue after an announced gap. If that is
intended, rewrite the file and say so in the changelog; otherwise fix the change. From the
checkout:

    python -m tests.unit.sources.test_vectors
"""

import json
from pathlib import Path
from typing import Any

import pytest

from feeds.sources import CHUNK, make_source

VECTORS = Path(__file__).parents[2] / "vectors" / "sources.json"
RECORDS = 3


def make_vector(kind: str, spec: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return a recipe with its epoch, its first records and some of a later chunk."""
    source = make_source(kind, spec, seed)
    later = 1000 * CHUNK
    return {
        "kind": kind,
        "spec": spec,
        "seed": seed,
        "epoch": source.epoch,
        "records": {
            str(first): [text.decode() for text in source.records(first, RECORDS)]
            for first in (1, later)
        },
    }


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text(encoding="utf-8")))
def test_records_and_epoch_are_pinned(vector: dict[str, Any]) -> None:
    """The recipe makes the epoch and the bytes in the file."""
    assert make_vector(vector["kind"], vector["spec"], vector["seed"]) == vector


def write() -> None:
    """Rewrite the file from the recipes in it."""
    vectors = [
        make_vector(vector["kind"], vector["spec"], vector["seed"])
        for vector in json.loads(VECTORS.read_text(encoding="utf-8"))
    ]
    text = json.dumps(vectors, ensure_ascii=False, indent=2)
    VECTORS.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    write()
