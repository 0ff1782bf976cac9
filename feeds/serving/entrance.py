"""The entrance for WebSockets: checks whether a client may connect as its URL requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

from clientapp.wire.errors import BadRequest
from clientapp.wire.request import Request
from clientapp.wire.token import offered_token
from feeds.access.denial import AllInUse, Denial, NotKnownYet
from feeds.access.gate import Gate, Visitor
from feeds.access.origins import Origins
from feeds.serving.refusal import Denied, Refusal, TooMany, Unavailable


class Entrance:
    """The check of a new client by the origins and the gate of one process."""

    def __init__(self, gate: Gate, origins: Origins) -> None:
        self._gate = gate
        self._origins = origins

    def check(self, scope: dict[str, Any], request: Request) -> Visitor:
        """Return the client of an ASGI *scope* with its *request*; raises Refusal."""
        headers: dict[bytes, list[str]] = {b"authorization": [], b"host": [], b"origin": []}
        for name, value in scope["headers"]:
            if name in headers:
                headers[name].append(value.decode("latin-1"))
        subprotocols, query = scope.get("subprotocols", ()), scope["query_string"].decode("latin-1")
        host = str((scope.get("client") or ("unknown",))[0])
        try:
            self._origins.ensure_allowed(_last(headers[b"origin"]), _last(headers[b"host"]))
            token = ""
            if self._gate.needs_token:
                token = offered_token(headers[b"authorization"], subprotocols, query)
            return self._gate.check(request, token, host)
        except (BadRequest, Denial) as error:
            raise _refusal(error) from None

    def enter(self, visitor: Visitor, end: Callable[[str], None]) -> None:
        """Let *visitor* in until `leave`; raises Refusal. *end*: see `Gate.enter`."""
        try:
            self._gate.enter(visitor, end)
        except Denial as denial:
            raise _refusal(denial) from None

    def leave(self, visitor: Visitor) -> None:
        """Forget *visitor*."""
        self._gate.leave(visitor)


def origins() -> Origins:
    """Return the rule for browsers, as the settings say."""
    return Origins(
        is_checked=settings.CHECK_ORIGINS,
        hosts=settings.ALLOWED_HOSTS,
        listed=settings.WEBSOCKET_ORIGINS,
        trusted=settings.CSRF_TRUSTED_ORIGINS,
    )


def _refusal(error: BadRequest | Denial) -> Refusal:
    if isinstance(error, AllInUse):
        return TooMany(str(error))
    if isinstance(error, NotKnownYet):
        return Unavailable(str(error))
    return Denied(str(error))


def _last(values: Iterable[str]) -> str:
    """Return the last of *values*, "" if there is none."""
    return ["", *values][-1]
