"""
The digest of a feed's lines: one number for many lines and their order.

A polynomial hash (Karp and Rabin, 1987) modulo the Mersenne prime 2^61 - 1
over the CRC-32 of each line. The digests of all lines up to two offsets give
the digest of the lines between them, so a server checks a block of any size
with two numbers.

It detects accidents, not forgeries: one changed line in 2^32 has the same CRC-32, and an attacker
can construct such a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

MODULUS = 2**61 - 1
BASE = 0x1E3779B97F4A7C15
"""2^64 divided by the golden ratio, cut to 61 bits: a number without a pattern."""
EMPTY = 0
"""The digest of no lines."""


def extend(digest: int, crc: int) -> int:
    """Return *digest* extended by one line with that CRC-32."""
    # The CRC plus one: otherwise leading lines with a CRC of 0 would change nothing.
    return (digest * BASE + crc + 1) % MODULUS


def join(digest: int, more: int, count: int) -> int:
    """Return the digest of the lines of *digest*, then the *count* lines of *more*."""
    return (digest * pow(BASE, count, MODULUS) + more) % MODULUS


def between(before: int, after: int, count: int) -> int:
    """Return the digest of the *count* lines between the digests *before* and *after*."""
    return (after - before * pow(BASE, count, MODULUS)) % MODULUS


def digest_of(lines: Iterable[bytes]) -> int:
    """Return the digest of *lines*, each without a line feed."""
    digest = EMPTY
    for line in lines:
        digest = extend(digest, crc32(line))
    return digest


def format_digest(digest: int) -> str:
    """Format a digest as on the wire: sixteen hexadecimal digits."""
    return f"{digest:016x}"
