"""The result of reading logs, a sweep or a swarm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...figures.measured import Reason
from ...figures.summary import BASIS, RULE, left_out_sentence
from ..analysis.trial import Trial

UNKNOWN_LOAD = (
    "It is unknown whether the clients' own machine was the bottleneck: block logs do not record "
    "how busy their clients were. A sweep or a swarm does."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Trials with the facts needed to judge them."""

    trials: tuple[Trial, ...]
    notes: tuple[str, ...] = ()
    """Sentences about the origin of the figures."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Facts about the load side, for the manifest."""
    left_out: Mapping[Reason, int] = field(default_factory=dict)
    """Blocks that figures of time and latency leave out, by reason."""
    bound: tuple[str, ...] | None = None
    """Reasons why the load side was the bottleneck; empty: it was not; None: unknown."""

    def opening(self) -> Iterator[str]:
        """Yield the opening of a report: whether its figures can be trusted, and its rule."""
        for sentence in self.bound or ():
            yield f"Do not trust the figures below: {sentence}."
        yield RULE
        yield f"{BASIS} {left_out_sentence(self.left_out)}".rstrip()
        if self.bound is None:
            yield UNKNOWN_LOAD
        elif not self.bound:
            yield "The load side was not the bottleneck: its processes had time to spare."


def joined(parts: Sequence[Reading]) -> Reading:
    """Return all *parts*, at least one, as one reading."""
    left_out: Counter[Reason] = Counter()
    for part in parts:
        left_out.update(part.left_out)
    known = [part.bound for part in parts if part.bound is not None]
    bound = tuple(dict.fromkeys(why for part in known for why in part))
    return Reading(
        trials=tuple(trial for part in parts for trial in part.trials),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        facts={name: value for part in parts for name, value in part.facts.items()},
        left_out=left_out,
        # One known bottleneck affects the whole; otherwise, one unknown part leaves it unknown.
        bound=bound if bound or len(known) == len(parts) else None,
    )
