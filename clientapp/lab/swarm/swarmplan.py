"""
The plan of a swarm: its members and their times, reproducible from a seed.

A swarm has *stages*, each with a number of members and a duration. A member
joins in the first stage that has room for it. It leaves in the first later
one that has no room, and returns if a later stage has room again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

JOIN_PER_SECOND = 100
"""Members that connect per second: fewer than a server accepts, so that none waits."""
AWAY_SECONDS = (0.5, 3.0)
"""The shortest and the longest absence of a member that returns."""


@dataclass(frozen=True, slots=True)
class Part:
    """Members of one kind."""

    feeds: tuple[str, ...]
    block_size: int
    weight: int = 1
    """The number of its members, relative to the other parts."""

    def __str__(self) -> str:
        """Return the part as on the command line, without its weight."""
        return f"{'+'.join(self.feeds)}:{self.block_size}"


@dataclass(frozen=True, slots=True)
class Stage:
    """A number of members for some time."""

    clients: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Stay:
    """A time in which a member is connected, in seconds from the start of the swarm."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """The role of one member of a swarm."""

    number: int
    part: Part
    stays: tuple[Stay, ...]
    """Its times in the swarm; it leaves gracefully and resumes from its position."""
    bytes_per_second: float | None = None
    """The limit of a slow reader; None: no limit."""

    @property
    def name(self) -> str:
        """The name of the client."""
        return f"member-{self.number:05}"


def plan(
    parts: Sequence[Part],
    stages: Sequence[Stage],
    random: Callable[[], float],
    *,
    churn: float = 0.0,
    slow: float = 0.0,
    slow_bytes: float = 1024.0,
) -> tuple[Role, ...]:
    """
    Return the roles of a swarm, one for each member.

    *churn* is the share of members that leave in the middle of a stay and
    return. *slow* is the share that reads *slow_bytes* per second. Both are from
    0 to 1. *random* returns a number from 0 to 1.
    """
    kinds = [part for part in parts for _ in range(part.weight)]
    roles = []
    for number in range(max(stage.clients for stage in stages)):
        comes_back, is_slow = random() < churn, random() < slow
        stays = _stays(number, stages)
        if comes_back:
            stays = [piece for stay in stays for piece in _interrupted(stay, random)]
        roles.append(
            Role(
                number=number,
                part=kinds[number % len(kinds)],
                stays=tuple(stays),
                bytes_per_second=slow_bytes if is_slow else None,
            )
        )
    return tuple(roles)


def _stays(number: int, stages: Sequence[Stage]) -> list[Stay]:
    stays: list[Stay] = []
    began: float | None = None
    there = now = 0.0
    for stage in stages:
        if number < stage.clients and began is None:
            began = now + max(0.0, number - there) / JOIN_PER_SECOND
        elif number >= stage.clients and began is not None:
            stays.append(Stay(began, now))
            began = None
        there = stage.clients
        now += stage.seconds
    if began is not None:
        stays.append(Stay(began, now))
    return stays


def _interrupted(stay: Stay, random: Callable[[], float]) -> list[Stay]:
    """Return the parts of a stay before and after an absence somewhere in its middle."""
    shortest, longest = AWAY_SECONDS
    away = shortest + random() * (longest - shortest)
    room = stay.end - stay.begin - away
    if room <= 0:
        return [stay]
    leave = stay.begin + room * (0.25 + random() / 2)
    return [Stay(stay.begin, leave), Stay(leave + away, stay.end)]
