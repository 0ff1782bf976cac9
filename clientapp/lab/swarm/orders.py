"""The orders for one process of a swarm."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from .swarmplan import Part, Role, Stay


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """The roles of a process, with its server and its files."""

    url: str
    token: str
    label: str
    roles: tuple[Role, ...]
    logs: str | None
    """The folder of the members' block logs; None: no logs."""
    blocks: str | None
    """The file with a row for each block; None: no file."""

    def write(self) -> bytes:
        """Return the orders as the first line of standard input."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: str) -> Orders:
        """Parse a line that `write` returned."""
        obj: dict[str, Any] = json.loads(line)
        roles = tuple(_read_role(role) for role in obj.pop("roles"))
        return cls(roles=roles, **obj)


def _read_role(obj: dict[str, Any]) -> Role:
    part = obj.pop("part")
    stays = obj.pop("stays")
    return Role(
        part=Part(tuple(part["feeds"]), part["block_size"], part["weight"]),
        stays=tuple(Stay(**stay) for stay in stays),
        **obj,
    )
