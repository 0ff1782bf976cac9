"""The JSON Schema and the readers, which share one contract."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from clientapp.wire import from_client, from_server
from clientapp.wire.closing import Close
from clientapp.wire.errors import MalformedMessage
from clientapp.wire.from_client import read_from_client
from clientapp.wire.from_server import read_from_server
from clientapp.wire.message import Message
from tests.support.json_texts import json_values
from tests.support.protocol_schema import SCHEMA, SIDES, conforming, frames, is_json, validator
from tests.unit.wire.test_vectors import load, write

FRAMES = [name for side in SIDES for name in frames(side)]


def read(name: str, obj: dict[str, Any]) -> Any:
    """Read a frame with the definition *name*."""
    text = json.dumps(obj)
    return read_from_server(text) if name.startswith("server-") else read_from_client(text)


def objects(side: str) -> list[dict[str, Any]]:
    """Return the golden frames of *side* that belong to the protocol."""
    file = "from_server.json" if side == "fromServer" else "from_client.json"
    vectors = [vector for vector in load(file) if not {"Text", "Sentence"} & set(vector["means"])]
    return [json.loads(vector["text"]) for vector in vectors]


def test_document_is_a_schema() -> None:
    """The document is JSON Schema 2020-12, and each definition has a description."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    described = {name for name, one in SCHEMA["$defs"].items() if "description" in one}
    assert SCHEMA["$defs"].keys() - described == {"errorCode", "closeCode"}


@pytest.mark.parametrize(
    ("side", "readers"),
    [
        ("fromServer", ["message", *from_server._READERS]),
        ("fromClient", [*from_client._READERS]),
    ],
)
def test_every_frame_has_a_definition(side: str, readers: list[str]) -> None:
    """Every frame that a reader knows is defined, and no other."""
    types = [SCHEMA["$defs"][name]["properties"]["type"]["const"] for name in frames(side)]
    assert sorted(types) == sorted(readers)


@pytest.mark.parametrize(
    ("side", "frame"),
    [
        pytest.param(side, frame, id=f"{side}-{number}-{frame['type']}")
        for side in SIDES
        for number, frame in enumerate(objects(side))
    ],
)
def test_golden_frames_are_valid(side: str, frame: dict[str, Any]) -> None:
    """The schema allows every frame of the vectors."""
    validator(side).validate(frame)


@pytest.mark.parametrize("side", SIDES)
def test_every_definition_has_a_vector(side: str) -> None:
    """Every definition has a golden frame."""
    types = {SCHEMA["$defs"][name]["properties"]["type"]["const"] for name in frames(side)}
    assert {frame["type"] for frame in objects(side)} == types


def test_every_close_code_is_described() -> None:
    """The schema names all close codes, and no other."""
    named = {one["const"] for one in SCHEMA["$defs"]["closeCode"]["anyOf"] if "const" in one}
    assert named == set(Close)


@pytest.mark.parametrize("name", FRAMES)
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_frame_allowed_by_the_schema_is_read(name: str, data: st.DataObject) -> None:
    """A reader accepts any frame of the schema, and writes frames of the schema."""
    frame = data.draw(conforming(name))
    said = read(name, frame)
    assert said is not None
    # A message's text is made from the bytes of its record, which the vectors cover.
    written = frame if isinstance(said, Message) else json.loads(write(said))
    validator(name).validate(written)
    assert read(name, written) == said


@pytest.mark.parametrize("name", [name for name in FRAMES if name != "client-bye"])
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_frame_forbidden_by_the_schema_is_refused(name: str, data: st.DataObject) -> None:
    """A frame with a member removed, or replaced by a value that the schema forbids, is refused."""
    known = SCHEMA["$defs"][name]["properties"]
    frame = next(
        obj
        for side in SIDES
        if name in frames(side)
        for obj in objects(side)
        if obj["type"] == known["type"]["const"]
    )
    place = frame = json.loads(json.dumps(frame))
    keys = [key for key in frame if key != "type"]
    key = data.draw(st.sampled_from(keys))
    while isinstance(place[key], dict) and place[key] and data.draw(st.booleans()):
        place = place[key]
        key = data.draw(st.sampled_from(sorted(place)))
    if data.draw(st.booleans()):
        place[key] = data.draw(json_values)
    else:
        del place[key]
    assume(is_json(frame) and not validator(name).is_valid(frame))
    with pytest.raises(MalformedMessage) as refused:
        read(name, frame)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300
