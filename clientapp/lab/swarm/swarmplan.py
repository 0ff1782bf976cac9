"""
Who is in a swarm, and when: the same plan from the same seed.

A swarm goes through *stages*, each so many members for so many seconds. A
member comes with the first stage that has room for it and leaves with the first
one that has not, for good or until another one has room again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

JOIN_PER_SECOND = 100
"""Members that connect in a second: fewer than a server takes, so that nobody waits."""
AWAY_SECONDS = (0.5, 3.0)
"""How long a member that comes back is away: from and to."""


@dataclass(frozen=True, slots=True)
class Part:
    """Members of one kind."""

    feeds: tuple[str, ...]
    block_size: int
    weight: int = 1
    """How many of them there are, as to the other parts."""

    def __str__(self) -> str:
        """Return the part as the command line has it, without its weight."""
        return f"{'+'.join(self.feeds)}:{self.block_size}"


@dataclass(frozen=True, slots=True)
class Stage:
    """So many members, so long."""

    clients: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Stay:
    """A time in which a member is there, in seconds from the beginning."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What one member of a swarm does."""

    number: int
    part: Part
    stays: tuple[Stay, ...]
    """When it is connected; it leaves gracefully and goes on where it was."""
    bytes_per_second: float | None = None
    """How much a slow reader reads; None: all there is."""

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

    *churn* and *slow* are shares of them, from 0 to 1: those who leave and
    come back in the middle of a stay, and those who read *slow_bytes* a
    second. *random* returns a number from 0 to 1.
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
    """Return what is left of a stay with an absence somewhere in its middle."""
    shortest, longest = AWAY_SECONDS
    away = shortest + random() * (longest - shortest)
    room = stay.end - stay.begin - away
    if room <= 0:
        return [stay]
    leave = stay.begin + room * (0.25 + random() / 2)
    return [Stay(stay.begin, leave), Stay(leave + away, stay.end)]
