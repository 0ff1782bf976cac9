"""
Cases of RFC 6455, as Autobahn's test suite has them, for any reader of a client's frames.

A case consists of the bytes that a client sends after the handshake, and their outcome. The
numbers in the names are section numbers of Autobahn's suite.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
LARGE = 9
"""Stands for the close code of a message that is too large."""
MESSAGE_BYTES, FRAGMENTS = 2**18, 256
"""The limits of the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The bytes of a client, and their outcome."""

    name: str
    sent: bytes
    messages: tuple[str | bytes, ...] = ()
    pongs: tuple[bytes, ...] = ()
    """The contents of the pings that must be answered."""
    code: int | None = None
    """The code with which the server closes; 1005: without one; None: the connection stays."""


def masked(
    opcode: int,
    content: bytes | str = b"",
    *,
    last: bool = True,
    reserved: int = 0,
    mask: bytes | None = b"\x37\xfa\x21\x3d",
    length: bytes | None = None,
) -> bytes:
    """Return a client's frame; *length* replaces the bytes of its length, without the mask bit."""
    data = content.encode() if isinstance(content, str) else content
    size = len(data)
    if length is None and size < 126:
        length = bytes([size])
    elif length is None:
        is_short = size < 2**16
        length = bytes([126 if is_short else 127]) + size.to_bytes(2 if is_short else 8, "big")
    first = bytes([last << 7 | reserved << 4 | opcode])
    if mask is None:
        return first + length + data
    covered = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    return first + bytes([length[0] | 0x80]) + length[1:] + mask + covered


def closing(code: int, reason: bytes = b"") -> bytes:
    """Return a close frame."""
    return masked(CLOSE, code.to_bytes(2, "big") + reason)


def parts(*contents: bytes | str, opcode: int = TEXT) -> bytes:
    """Return a message in fragments."""
    end = len(contents) - 1
    return b"".join(
        masked(CONTINUATION if at else opcode, content, last=at == end)
        for at, content in enumerate(contents)
    )


def cases() -> Iterator[Case]:
    """Yield all cases."""
    yield from _framing()
    yield from _pings()
    yield from _reserved()
    yield from _fragments()
    yield from _utf8()
    yield from _closing()
    yield from _limits()


def _framing() -> Iterator[Case]:
    for size in (0, 1, 125, 126, 127, 128, 65_535, 65_536):
        yield Case(
            name=f"1.1 text of {size}", sent=masked(TEXT, "*" * size), messages=("*" * size,)
        )
        data = b"\xfe" * size
        yield Case(name=f"1.2 binary of {size}", sent=masked(BINARY, data), messages=(data,))
    zero = bytes(4)
    yield Case(name="1 mask of zeros", sent=masked(TEXT, "hello", mask=zero), messages=("hello",))
    yield Case(name="1 no mask", sent=masked(TEXT, "hello", mask=None), code=1002)
    yield Case(name="1 ping without a mask", sent=masked(PING, mask=None), code=1002)
    for name, length in {
        "16 bits for 5": b"\x7e\0\5",
        "16 bits for 125": b"\x7e\0\x7d",
        "64 bits for 5": b"\x7f" + (5).to_bytes(8, "big"),
        "64 bits for 65535": b"\x7f" + (65_535).to_bytes(8, "big"),
        "64 bits, the first set": b"\x7f" + (2**63 + 5).to_bytes(8, "big"),
    }.items():
        yield Case(name=f"1 {name}", sent=masked(TEXT, "hello", length=length), code=1002)


def _pings() -> Iterator[Case]:
    contents = {
        "empty": b"",
        "text": b"Hello",
        "binary": b"\0\xff\xfe\xfd",
        "of 125": b"\xfe" * 125,
    }
    for name, content in contents.items():
        yield Case(name=f"2 ping, {name}", sent=masked(PING, content), pongs=(content,))
    yield Case(name="2.5 ping of 126", sent=masked(PING, bytes(126)), code=1002)
    yield Case(name="2.7 pong", sent=masked(PONG))
    yield Case(name="2.8 pong with content", sent=masked(PONG, "unsolicited"))
    yield Case(
        name="2.9 pong, then ping", sent=masked(PONG, "a") + masked(PING, "b"), pongs=(b"b",)
    )
    many = tuple(b"payload-%d" % number for number in range(10))
    yield Case(name="2.10 ten pings", sent=b"".join(masked(PING, one) for one in many), pongs=many)


def _reserved() -> Iterator[Case]:
    for bits in range(1, 8):
        yield Case(name=f"3 bits {bits}", sent=masked(TEXT, "x", reserved=bits), code=1002)
    for name, opcode in {"ping": PING, "close": CLOSE, "binary": BINARY}.items():
        yield Case(name=f"3 bit in a {name}", sent=masked(opcode, reserved=4), code=1002)
    after = masked(TEXT, "x") + masked(TEXT, "y", reserved=4) + masked(PING)
    yield Case(name="3.2 bit after a text", sent=after, messages=("x",), code=1002)
    for opcode in (*range(3, 8), *range(11, 16)):
        yield Case(name=f"4 opcode {opcode}", sent=masked(opcode), code=1002)
    after = masked(TEXT, "x") + masked(5, "y") + masked(PING)
    yield Case(name="4 opcode after a text", sent=after, messages=("x",), code=1002)


def _fragments() -> Iterator[Case]:
    for name, opcode in {"ping": PING, "pong": PONG, "close": CLOSE}.items():
        yield Case(name=f"5 fragmented {name}", sent=masked(opcode, last=False), code=1002)
    yield Case(name="5.3 two fragments", sent=parts("a", "b"), messages=("ab",))
    yield Case(
        name="5 binary in three",
        sent=parts(b"\0", b"", b"\xff", opcode=BINARY),
        messages=(b"\0\xff",),
    )
    ping = masked(PING, "p")
    yield Case(
        name="5.6 ping between fragments",
        sent=masked(TEXT, "a", last=False) + ping + masked(CONTINUATION, "b"),
        messages=("ab",),
        pongs=(b"p",),
    )
    for last in (True, False):
        lone = masked(CONTINUATION, "x", last=last)
        yield Case(name=f"5.9 continuation of nothing, {last}", sent=lone, code=1002)
        yield Case(
            name=f"5.12 continuation after a message, {last}",
            sent=masked(TEXT, "a") + lone,
            messages=("a",),
            code=1002,
        )
    yield Case(
        name="5.18 text in a text",
        sent=masked(TEXT, "a", last=False) + masked(TEXT, "b"),
        code=1002,
    )
    yield Case(
        name="5 binary in a text",
        sent=masked(TEXT, "a", last=False) + masked(BINARY, "b"),
        code=1002,
    )
    yield Case(
        name="5.19 five fragments with pings",
        sent=masked(TEXT, "1", last=False)
        + masked(CONTINUATION, "2", last=False)
        + ping
        + masked(CONTINUATION, "3", last=False)
        + masked(CONTINUATION, "4", last=False)
        + ping
        + masked(CONTINUATION, "5"),
        messages=("12345",),
        pongs=(b"p", b"p"),
    )
    yield Case(name="6.1 empty fragments", sent=parts("", "", ""), messages=("",))
    yield Case(name="6.1 empty around text", sent=parts("", "middle", ""), messages=("middle",))


def _utf8() -> Iterator[Case]:
    valid = {
        "greek": "κόσμε",
        "mixed": "Hello-µ@ßöäüàá-UTF-8!!",
        "last of one byte": "\x7f",
        "first of two bytes": "\x80",
        "last of two bytes": "\u07ff",
        "first of three bytes": "\u0800",
        "last of three bytes": "\uffff",
        "first of four bytes": "\U00010000",
        "last of all": "\U0010ffff",
        "before the surrogates": "\ud7ff",
        "after the surrogates": "\ue000",
        "no character": "\ufffe",
        "replacement": "\ufffd",
        "nul": "\0",
    }
    for name, text in valid.items():
        yield Case(name=f"6 valid: {name}", sent=masked(TEXT, text), messages=(text,))
        each = [bytes([byte]) for byte in text.encode()]
        yield Case(name=f"6 valid in bytes: {name}", sent=parts(*each), messages=(text,))
    invalid = {
        "continuation": b"\x80",
        "lone ff": b"a\xffb",
        "lone fe": b"\xfe",
        "truncated two": b"\xc3",
        "truncated three": b"\xe2\x82",
        "truncated four": b"\xf0\x9f\x98",
        "surrogate": b"\xed\xa0\x80",
        "pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
        "overlong slash": b"\xc0\xaf",
        "overlong of three": b"\xe0\x80\xaf",
        "overlong of four": b"\xf0\x80\x80\xaf",
        "beyond the last": b"\xf4\x90\x80\x80",
        "five bytes": b"\xf8\x88\x80\x80\x80",
        "six bytes": b"\xfc\x84\x80\x80\x80\x80",
        "broken sequence": "κόσμε".encode() + b"\xf4\x90\x80\x80edited",
    }
    for name, data in invalid.items():
        yield Case(name=f"6 invalid: {name}", sent=masked(TEXT, data), code=1007)
        each = [bytes([byte]) for byte in data]
        yield Case(name=f"6 invalid in bytes: {name}", sent=parts(*each), code=1007)
        yield Case(name=f"6 binary: {name}", sent=masked(BINARY, data), messages=(data,))


def _closing() -> Iterator[Case]:
    yield Case(name="7.1 close, then text", sent=closing(1000) + masked(TEXT, "x"), code=1000)
    yield Case(name="7.1 close, then ping", sent=closing(1000) + masked(PING), code=1000)
    yield Case(name="7.1 two closes", sent=closing(1000) * 2, code=1000)
    yield Case(
        name="7.1 text, then close",
        sent=masked(TEXT, "x") + closing(1000),
        messages=("x",),
        code=1000,
    )
    yield Case(
        name="7.1 close within a message",
        sent=masked(TEXT, "x", last=False) + closing(1000) + masked(CONTINUATION),
        code=1000,
    )
    yield Case(name="7.3.1 without a code", sent=masked(CLOSE), code=1005)
    yield Case(name="7.3.2 half a code", sent=masked(CLOSE, b"\x03"), code=1002)
    yield Case(name="7.3.4 with a reason", sent=closing(1000, b"bye"), code=1000)
    yield Case(name="7.3.5 longest reason", sent=closing(1000, b"*" * 123), code=1000)
    yield Case(name="7.3.6 longer reason", sent=closing(1000, b"*" * 124), code=1002)
    yield Case(name="7.5 reason is not UTF-8", sent=closing(1000, b"\xce\xba\xff"), code=1007)
    for code in (*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999):
        yield Case(name=f"7.7 code {code}", sent=closing(code), code=code)
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535):
        yield Case(name=f"7.9 code {code}", sent=closing(code), code=1002)


def _limits() -> Iterator[Case]:
    largest = "x" * MESSAGE_BYTES
    yield Case(name="9 largest message", sent=masked(TEXT, largest), messages=(largest,))
    yield Case(name="9 largest in two", sent=parts(largest[1:], "x"), messages=(largest,))
    yield Case(name="9 one byte more", sent=masked(TEXT, largest + "x"), code=LARGE)
    yield Case(name="9 one byte more in two", sent=parts(largest, "x"), code=LARGE)
    huge = b"\x7f" + (2**62).to_bytes(8, "big")
    yield Case(name="9 announced only", sent=masked(BINARY, "x", length=huge), code=LARGE)
    most = parts(*["x"] * FRAGMENTS)
    yield Case(name="9 most fragments", sent=most, messages=("x" * FRAGMENTS,))
    yield Case(name="9 one fragment more", sent=parts(*["x"] * FRAGMENTS, "x"), code=LARGE)
