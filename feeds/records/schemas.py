"""
Descriptions, for programs, of the feeds and the WebSocket.

JSON Schemas use keywords of draft 7, which AsyncAPI 3 and its tools understand. The
frames come from docs/reference/protocol.schema.json.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from clientapp.wire import SUBPROTOCOL, names
from clientapp.wire.request import DEFAULT_CLIENT, DEFAULT_FEEDS, MAX_FEEDS
from feeds.models import Feed
from feeds.sources import SpecError, record_schema

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
PROTOCOL = Path(__file__).parents[2] / "docs" / "reference" / "protocol.schema.json"
IN_FILE, IN_DOCUMENT = "#/$defs/", "#/components/schemas/"
FORMS = {
    "plain": "For any WebSocket client that does not ask for `protocol`: messages only.",
    "protocol": f"For clients with the subprotocol {SUBPROTOCOL}, or with a session.",
}
"""The kinds of clients, each of which is a channel at the same address."""

SENTENCE = "Client NAME received N block in T time, a report; any other text is kept"

Schema = dict[str, Any]


def message_schema(row: Feed) -> Schema:
    """Return the schema for messages of a feed, by the feed's current recipe."""
    return {
        "$schema": DRAFT_7,
        "title": f"A message of the feed {row.name}",
        **_message(row),
    }


def asyncapi_document(
    host: str, prefix: str, *, is_secure: bool, granted: Collection[str] = ()
) -> Schema:
    """
    Return the AsyncAPI document of a server at *host*, below the path *prefix*.

    It describes the feeds in *granted*; empty: all. Raises the database's errors.
    """
    rows = Feed.objects.order_by("name")
    feeds = {row.name: _message(row) for row in rows if not granted or row.name in granted}
    schemas = {name: _refer(value) for name, value in _protocol().items()}
    messages = {
        name: {"payload": {"$ref": f"{IN_DOCUMENT}{name}"}}
        for name in schemas
        if name.startswith(("server-", "client-")) and name != "server-message"
    }
    for feed, schema in feeds.items():
        schemas[f"feed-{feed}"] = schema
        messages[f"feed-{feed}"] = {"payload": {"$ref": f"{IN_DOCUMENT}feed-{feed}"}}
    messages["sentence"] = {"payload": {"type": "string", "description": SENTENCE}}
    sent = {
        "plain": [name for name in messages if name.startswith("feed-")],
        "protocol": [name for name in messages if name.startswith(("feed-", "server-"))],
    }
    heard = {
        "plain": ["sentence"],
        "protocol": [name for name in messages if name.startswith("client-")],
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Blockfeed",
            "version": "1.0.0",
            "description": "A live feed of generated data over WebSockets that proves what it "
            "delivered. This is version 1 of its protocol.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "this": {
                "host": host,
                "protocol": "wss" if is_secure else "ws",
                **({"pathname": prefix} if prefix else {}),
            }
        },
        "channels": {
            form: {
                "address": "/",
                "description": says,
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"}
                    for name in (*sent[form], *heard[form])
                },
                "bindings": {"ws": {"method": "GET", "query": _query(list(feeds), form)}},
            }
            for form, says in FORMS.items()
        },
        "operations": {
            "sendMessages": _operation("send", "plain", sent["plain"]),
            "receiveSentences": _operation("receive", "plain", heard["plain"]),
            "sendFrames": _operation("send", "protocol", sent["protocol"]),
            "receiveFrames": _operation("receive", "protocol", heard["protocol"]),
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _message(row: Feed) -> Schema:
    """Return the schema of a feed's messages, each a separate frame."""
    return {
        "type": "object",
        "properties": {
            "type": {"const": "message"},
            "feed": {"const": row.name},
            "offset": {"type": "integer", "minimum": 1, "description": "from 1, without gaps"},
            "at": {
                "type": "integer",
                "description": "the intended time, microseconds since 1970",
            },
            "data": _record(row),
        },
        "required": ["type", "feed", "offset", "at", "data"],
        "additionalProperties": False,
    }


def _record(row: Feed) -> Schema:
    try:
        return record_schema(row.kind, row.spec)
    except SpecError:  # of an older version; such a feed does not run
        return {}


def _query(feeds: list[str], form: str) -> Schema:
    one: Schema = {"type": "string", "enum": feeds}
    resuming = {
        "session": {"type": "string", "pattern": f"^{names.SESSION_KEY.pattern}$"},
        "after": {"type": "string", "description": "FEED:EPOCH:OFFSET; resume after it"},
        "at": {"type": "string", "description": "FEED:TIME, the time of that message"},
    }
    return {
        "type": "object",
        "properties": {
            **(resuming if form == "protocol" else {}),
            "client": {
                "type": "string",
                "default": DEFAULT_CLIENT,
                "description": f"the client's name: {names.CLIENT_NAME_RULE}",
            },
            "feed": {
                "description": f"a feed; repeat it for up to {MAX_FEEDS}",
                "type": "array",
                "items": one,
                "default": list(DEFAULT_FEEDS),
            },
            "block_size": {"type": "integer", "minimum": 1, "maximum": names.MAX_BLOCK_SIZE},
            "from": {"type": "string", "description": "start, or an offset to begin with"},
            "token": {"type": "string", "description": "a token, for a server that needs one"},
        },
    }


def _operation(action: str, channel: str, messages: list[str]) -> Schema:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }


@cache
def _protocol() -> dict[str, Any]:
    """Return the definitions of the protocol's schema."""
    definitions: dict[str, Any] = json.loads(PROTOCOL.read_text(encoding="utf-8"))["$defs"]
    return definitions


def _refer(schema: Any) -> Any:
    """Return a schema of the file as one of the document: draft 7 ignores members beside $ref."""
    if isinstance(schema, list):
        return [_refer(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {key: _refer(value) for key, value in schema.items() if key != "$ref"}
    if "$ref" not in schema:
        return rest
    reference = {"$ref": schema["$ref"].replace(IN_FILE, IN_DOCUMENT)}
    return {**rest, "allOf": [reference]} if rest else reference
