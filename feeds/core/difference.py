"""
The differences between a broken block and its feeds, message by message.

The messages that a client received are compared with those of the feed. Both
are pairs of offset and CRC-32; the client's are in the order of receipt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

Span = tuple[int, int]
"""The first and the last of consecutive offsets."""

SPANS_KEPT = 50
"""The most spans stored of each kind: if everything is wrong, a longer list does not help."""
SPANS_NAMED = 5
"""The most spans of each kind that a sentence names."""
SAID = {"doubled": "duplicated"}
"""The words for a kind in a sentence, if they differ from the stored ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The differences between the arrived and the sent messages of one feed."""

    missing: Sequence[Span] = ()
    doubled: Sequence[Span] = ()
    altered: Sequence[Span] = ()
    out_of_order: Sequence[Span] = ()
    """Offsets received after a higher one."""
    strange: Sequence[Span] = ()
    """Offsets outside of the block."""
    checksums: Sequence[tuple[int, int]] = ()
    """Offset and received CRC-32 of the first messages that are altered."""

    def write(self) -> dict[str, Sequence[Span]]:
        """Return the JSON value to store."""
        return {**self.kinds, **({"checksums": self.checksums} if self.checksums else {})}

    @property
    def kinds(self) -> Mapping[str, Sequence[Span]]:
        """The spans that differ, by the word for the difference."""
        found = {
            "missing": self.missing,
            "doubled": self.doubled,
            "altered": self.altered,
            "out of order": self.out_of_order,
            "of another block": self.strange,
        }
        return {kind: spans for kind, spans in found.items() if spans}


def compare(first: int, expected: Sequence[int], received: Iterable[Span]) -> Difference:
    """
    Compare the pairs *received* with the CRC-32s *expected* from *first* on.

    An offset that was received out of order or altered does not count as missing.
    """
    seen: set[int] = set()
    doubled, late, strange = set(), set(), set()
    altered: dict[int, int] = {}
    highest = 0
    for offset, crc in received:
        if not first <= offset < first + len(expected):
            strange.add(offset)
            continue
        if offset in seen:
            doubled.add(offset)
        elif offset < highest:
            late.add(offset)
        if crc != expected[offset - first]:
            altered.setdefault(offset, crc)
        seen.add(offset)
        highest = max(highest, offset)
    missing = (one for one in range(first, first + len(expected)) if one not in seen)
    kinds = (missing, doubled, altered, late, strange)
    spans = [tuple(islice(_spans(sorted(offsets)), SPANS_KEPT)) for offsets in kinds]
    return Difference(
        missing=spans[0],
        doubled=spans[1],
        altered=spans[2],
        out_of_order=spans[3],
        strange=spans[4],
        checksums=tuple(sorted(altered.items())[:SPANS_KEPT]),
    )


def describe(differences: Mapping[str, Difference]) -> str:
    """Return one sentence for all feeds, such as ``users: 43 missing``."""
    told = [
        f"{feed}: " + ", ".join(_name(kind, spans) for kind, spans in difference.kinds.items())
        for feed, difference in differences.items()
        if difference.kinds
    ]
    return "; ".join(told) or "the messages that the client lists are correct; its digest is wrong"


def _name(kind: str, spans: Sequence[Span]) -> str:
    named = [str(a) if a == b else f"{a} to {b}" for a, b in spans[:SPANS_NAMED]]
    more = len(spans) - len(named)
    return f"{' and '.join(named)}{f' and {more} more' if more else ''} {SAID.get(kind, kind)}"


def _spans(offsets: Iterable[int]) -> Iterator[Span]:
    """Yield the spans of ascending *offsets*."""
    start = end = 0
    for offset in offsets:
        if start and offset == end + 1:
            end = offset
            continue
        if start:
            yield start, end
        start = end = offset
    if start:
        yield start, end
