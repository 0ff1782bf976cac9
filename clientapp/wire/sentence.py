"""
The sentence that a client sends for each block it received.

The wording is fixed by ``tests/vectors/sentence.json``. Clients written by hand
may send it without JSON around it, and in many forms: in any case, with
``blocks``, and with the time as a program prints a float or a timedelta.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .codec import MAX_INTEGER

LONGEST_SENTENCE = 200
"""The most characters of a sentence, as a server stores it."""
MOST_SECONDS = 1e9
"""The longest block time: 31 years. With a longer time, or one that is not a number,
the text is not a sentence."""

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
    # ASCII: an Arabic digit does not count as a digit here, nor a long s as an s.
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_ATTEMPT = re.compile(r"client.*received.*block", re.IGNORECASE | re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sentence:
    """The content of a block sentence."""

    client: str
    """The name as sent: anything, at most 64 characters; may be empty."""
    block: int
    """The client's number of the block: from 1 in our own client, anything in others."""
    seconds: float
    """Time from the first to the last message of the block."""

    def __str__(self) -> str:
        """Return the sentence; seconds with three decimals."""
        return f"Client {self.client} received {self.block} block in {self.seconds:.3f} s time"


def parse_sentence(text: str) -> Sentence | None:
    """Return the content of *text*, or None if it is not the block sentence."""
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


def resembles_sentence(text: str) -> bool:
    """Tell whether the author of *text* probably meant to write a block sentence."""
    return _ATTEMPT.match(text.strip()[:LONGEST_SENTENCE]) is not None


def _seconds(match: re.Match[str]) -> float:
    if match["time"] is not None:
        is_milli = (match["unit"] or "").lower().startswith("m")
        return float(match["time"]) / (1000 if is_milli else 1)
    hours = int(match["days"] or 0) * 24 + int(match["hours"])
    return hours * 3600 + int(match["minutes"]) * 60 + float(match["rest"])
