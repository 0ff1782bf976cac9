"""
The sentence a client says for each block it received.

The wording is fixed and pinned in ``tests/vectors/sentence.json``. Clients
written by hand may say it without any JSON around it, and in many forms:
any case, ``blocks``, and the time as a program prints a float or a timedelta.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .codec import MAX_INTEGER

LONGEST_SENTENCE = 200
"""Characters of a sentence at most, as a server stores it."""
MOST_SECONDS = 1e9
"""Of a block: 31 years; a time that is longer, or no number, is no sentence."""

_PATTERN = re.compile(
    r"""
    client \s* (?P<name> [^\0\n]{0,64}? ) \s* received
    \s+ (?P<block> [0-9]{1,16} ) \s+ blocks? \s+ in \s+
    (?:
        (?P<time> (?: [0-9]+ \.? [0-9]* | \. [0-9]+ ) (?: e [+-]? [0-9]{1,3} )? )
        (?: \s* (?P<unit> s | secs? | seconds? | ms | milliseconds? ) )?
      | (?: (?P<days> [0-9]{1,5} ) \s days?, \s )?
        (?P<hours> [0-9]{1,2} ) : (?P<minutes> [0-5][0-9] ) : (?P<rest> [0-5][0-9] (?: \.[0-9]+ )? )
    )
    \s+ time \.?
    """,
    # ASCII: an Arabic digit is not a digit here, and a long s not an s.
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a block sentence says."""

    client: str
    """The name as it was said: anything, at most 64 characters; may be empty."""
    block: int
    """The number that the client gives the block: from 1 in our own, anything in others."""
    seconds: float
    """Time from the first to the last message of the block."""

    def __str__(self) -> str:
        """Return the sentence; seconds with three decimals."""
        return f"Client {self.client} received {self.block} block in {self.seconds:.3f} s time"


def parse_sentence(text: str) -> Sentence | None:
    """Return what *text* says, or None where it is not the block sentence."""
    text = text.strip()
    if len(text) > LONGEST_SENTENCE:
        return None
    match = _PATTERN.fullmatch(text)
    if match is None or int(match["block"]) > MAX_INTEGER:
        return None
    seconds = _seconds(match)
    if seconds > MOST_SECONDS:
        return None
    return Sentence(match["name"], int(match["block"]), seconds)


def _seconds(match: re.Match[str]) -> float:
    if match["time"] is not None:
        is_milli = (match["unit"] or "").lower().startswith("m")
        return float(match["time"]) / (1000 if is_milli else 1)
    hours = int(match["days"] or 0) * 24 + int(match["hours"])
    return hours * 3600 + int(match["minutes"]) * 60 + float(match["rest"])
