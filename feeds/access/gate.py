"""
The gate of a server process: checks each client, and ends connections no longer allowed.

A token is checked by its signature, and against the revoked tokens and the bans in memory. These
follow the database, so a connection costs no query.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from clientapp.wire.request import Request
from feeds.access import register, tokens
from feeds.access.denial import AllInUse, Denial, NotKnownYet, NoToken
from feeds.access.grant import Grant
from feeds.access.known import Known
from feeds.access.register import Sign
from feeds.running.database import is_unavailable
from feeds.running.worker import Worker

AT_ONCE = 1000
"""Connections checked again in one turn of the loop: about a millisecond."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Visitor:
    """One client that passed the gate."""

    request: Request
    """Its request, with the name that its token gives it."""
    host: str
    """Its address."""
    grant: Grant | None
    """The contents of its token; None if no token is needed."""


class Gate:
    """The check of every client of one process."""

    def __init__(self, database: Worker, *, needs_token: bool) -> None:
        """Follow the database in the thread of *database*."""
        self._database = database
        self.needs_token = needs_token
        """Whether every client needs a token; otherwise tokens are ignored."""
        self._known: Known | None = None
        """The revoked tokens and the bans; None until the database has answered."""
        self._sign: Sign | None = None
        self._inside: dict[Visitor, Callable[[str], None]] = {}
        self._in_use: Counter[str] = Counter()
        """Number of connections of each token that limits it."""
        self._next_expiry = math.inf

    async def follow(self) -> None:
        """Read new revocations and bans, and end the connections that they concern."""
        try:
            sign, known = await self._database.run(register.look, self._sign)
        except Exception as error:
            if not is_unavailable(error):
                raise
        else:
            if known is not None:
                self._sign, self._known = sign, known
                await self._check_all()
                return
        if time.time() >= self._next_expiry:
            await self._check_all()

    def check(self, request: Request, token: str, host: str) -> Visitor:
        """Return the client at *host* that sent *token*, "" for none; raises Denial."""
        grant = None
        if self.needs_token:
            if not token:
                raise NoToken("this server needs a token; ask its operator for one")
            grant = tokens.read(token)
            request = grant.named(request)
        visitor = Visitor(request=request, host=host, grant=grant)
        self._ensure_allowed(visitor)
        return visitor

    def enter(self, visitor: Visitor, end: Callable[[str], None]) -> None:
        """
        Let *visitor* in until `leave`; raises Denial if a change since `check` forbids it.

        If a later change forbids it, *end* is called once, with the reason.
        """
        self._ensure_allowed(visitor)
        if (grant := visitor.grant) is not None:
            if grant.connections is not None:
                if self._in_use[grant.key] >= grant.connections:
                    text = f"the token allows {grant.connections} connections; all are in use"
                    raise AllInUse(text)
                self._in_use[grant.key] += 1
            self._next_expiry = min(self._next_expiry, _expiry(visitor))
        self._inside[visitor] = end

    def leave(self, visitor: Visitor) -> None:
        """Forget *visitor*, if it is inside."""
        if self._inside.pop(visitor, None) is None:
            return
        grant = visitor.grant
        if grant is not None and grant.connections is not None:
            self._in_use[grant.key] -= 1
            if not self._in_use[grant.key]:
                del self._in_use[grant.key]

    def _ensure_allowed(self, visitor: Visitor) -> None:
        known, grant = self._known, visitor.grant
        if grant is not None:
            grant.ensure_current(time.time())
            if known is None:
                raise NotKnownYet("the tokens cannot be checked yet")
            known.ensure_not_revoked(grant.key)
        if known is not None:
            known.ensure_not_banned(visitor.request.client, visitor.host)

    async def _check_all(self) -> None:
        """End the connections that are not allowed any more, a part in each turn of the loop."""
        self._next_expiry = math.inf
        for number, (visitor, end) in enumerate(list(self._inside.items()), 1):
            if visitor in self._inside:
                try:
                    self._ensure_allowed(visitor)
                except Denial as denial:
                    self.leave(visitor)
                    end(str(denial))
                else:
                    self._next_expiry = min(self._next_expiry, _expiry(visitor))
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)


def _expiry(visitor: Visitor) -> float:
    grant = visitor.grant
    return math.inf if grant is None or grant.expires is None else grant.expires
