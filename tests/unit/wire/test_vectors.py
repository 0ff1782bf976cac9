"""The bytes of the wire, pinned in both directions."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from clientapp.wire import codec
from clientapp.wire.from_client import Text, read_from_client
from clientapp.wire.from_server import read_from_server
from clientapp.wire.message import Message, make_line
from clientapp.wire.sentence import Sentence, parse_sentence

VECTORS = Path(__file__).parents[2] / "vectors"


def load(name: str) -> list[dict[str, Any]]:
    """Return the vectors in a file."""
    vectors: list[dict[str, Any]] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return vectors


def write(said: Any) -> str:
    """Write the value that was read, as its sender does."""
    match said:
        case Text():
            return said.text
        case Sentence():
            return str(said)
        case Message():
            data = codec.encode(said.data).encode()
            return make_line(said.feed, said.offset, said.at, data).decode()
    return codec.encode(said.write())


def meaning(said: Any) -> dict[str, Any]:
    """Return the value that was read in the form of a vector."""
    fields: dict[str, Any] = json.loads(json.dumps(asdict(said)))
    return {type(said).__name__: fields}


def read_server_bytes(text: str) -> object:
    """Read a frame as it comes from the socket: undecoded."""
    return read_from_server(text.encode())


@pytest.mark.parametrize(
    ("read", "vector"),
    [
        *((read_from_client, vector) for vector in load("from_client.json")),
        *((read_server_bytes, vector) for vector in load("from_server.json")),
    ],
    ids=lambda value: value["text"][:80] if isinstance(value, dict) else value.__name__,
)
def test_frame_matches_its_vector(read: Callable[[str], object], vector: dict[str, Any]) -> None:
    """A frame is read as its meaning, and written as the same bytes."""
    said = read(vector["text"])
    assert (meaning(said), write(said)) == (vector["means"], vector["text"])


SENTENCES = json.loads((VECTORS / "sentence.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", SENTENCES["own"], ids=lambda vector: vector["text"])
def test_own_sentence_matches_its_vector(vector: dict[str, Any]) -> None:
    """The sentence of our clients is parsed, and written as the same text."""
    sentence = Sentence(vector["client"], vector["block"], vector["seconds"])
    assert (parse_sentence(vector["text"]), str(sentence)) == (sentence, vector["text"])


@pytest.mark.parametrize("vector", SENTENCES["others"], ids=lambda vector: vector["text"])
def test_sentence_of_another_client_is_read(vector: dict[str, Any]) -> None:
    """The sentence is read in every form that other people's programs print."""
    sentence = Sentence(vector["client"], vector["block"], vector["seconds"])
    assert parse_sentence(vector["text"]) == sentence


@pytest.mark.parametrize("text", SENTENCES["none"])
def test_impossible_sentence_is_text(text: str) -> None:
    """A text with an impossible time or number is an ordinary message of the client."""
    assert parse_sentence(text) is None
