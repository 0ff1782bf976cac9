"""What reading came to, whatever was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...figures.measured import Reason
from ...figures.summary import BASIS, RULE, left_out_sentence
from ..analysis.trial import Trial

UNKNOWN_LOAD = (
    "Whether the clients' own machine was the bottleneck is not known: block logs do not say how "
    "busy their clients were. A sweep or a swarm does."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Trials, and what must be known about them."""

    trials: tuple[Trial, ...]
    notes: tuple[str, ...] = ()
    """Sentences about how the figures came about."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the load side said of itself, for the manifest."""
    left_out: Mapping[Reason, int] = field(default_factory=dict)
    """Blocks that are in no figure of time or latency."""
    bound: tuple[str, ...] | None = None
    """Why the load side was the bottleneck, sentences; empty: it was not; None: not known."""

    def opening(self) -> Iterator[str]:
        """Yield what a report begins with: whether it can be believed, and its rule."""
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
        # One that is known to be bound spoils the whole; one that is unknown leaves it unknown.
        bound=bound if bound or len(known) == len(parts) else None,
    )
