"""The pass in both languages, over real sockets."""

from __future__ import annotations

import shutil
import socket
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.core.subscriber import Pass
from feeds.fanout.passes import CompiledPass, best_pass, library, python_pass
from tools.compile import CannotCompile, compile_pass

ROOM = 4096
"""Bytes that the kernel is asked to hold for each socket; it takes some more."""
FULL = b"x" * 2**20


@pytest.fixture(scope="module", params=["python", "compiled"])
def pass_over(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pass:
    """Return each of the passes."""
    if request.param == "python":
        return python_pass
    if shutil.which("cc") is None:
        pytest.skip("a C compiler (cc) is not installed")
    return CompiledPass(compile_pass(tmp_path_factory.mktemp("compiled")))


class Line:
    """A socket of a server, and its client's end."""

    def __init__(self, stack: ExitStack) -> None:
        self.near, self.far = (stack.enter_context(one) for one in socket.socketpair())
        self.near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        self.near.setblocking(False)
        self.far.setblocking(False)

    def fill(self) -> None:
        """Let the kernel hold what it takes."""
        with suppress(BlockingIOError):
            while True:
                self.near.send(FULL)

    def arrived(self) -> bytes:
        """Return what came to the client."""
        parts = []
        with suppress(BlockingIOError):
            while part := self.far.recv(2**20):
                parts.append(part)
        return b"".join(parts)


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    """Return ten."""
    with ExitStack() as stack:
        yield [Line(stack) for _ in range(10)]


def numbers(lines: list[Line]) -> array[int]:
    """Return the descriptors of the servers' sockets."""
    return array("i", [line.near.fileno() for line in lines])


def test_everybody_gets_the_same(pass_over: Pass, lines: list[Line]) -> None:
    """Each socket takes all, again and again, in whatever order."""
    for frames in (b"a", b"\x81\x01\0", b"c" * 1000):
        assert pass_over(numbers(lines), frames) == []
    assert pass_over(numbers(lines[::-1]), b"d") == []
    assert {line.arrived() for line in lines} == {b"a\x81\x01\0" + b"c" * 1000 + b"d"}
    assert pass_over(array("i"), b"nobody") == []


def test_who_takes_less_is_noted(pass_over: Pass, lines: list[Line]) -> None:
    """A full, a broken, a closed and a missing socket are named; the others get theirs."""
    full, broken, closed, missing, *others = lines
    full.fill()
    broken.far.close()
    closed.near.close()
    sockets = numbers(lines)
    assert sockets[2] == -1
    sockets[3] = 1_000_000  # no file has it
    assert pass_over(sockets, b"frames") == [(at, 0) for at in range(4)]
    assert missing.arrived() == b""
    assert {line.arrived() for line in others} == {b"frames"}


@pytest.mark.parametrize("place", [0, 4, 9])
def test_a_part_that_is_taken(pass_over: Pass, lines: list[Line], place: int) -> None:
    """How much a socket took is what arrives, and what it took of nothing later."""
    one = lines.pop(place)
    sockets = numbers(lines)
    sockets.insert(place, one.near.fileno())
    short = pass_over(sockets, FULL)
    arrived = {
        at: len(line.arrived()) for at, line in enumerate([*lines[:place], one, *lines[place:]])
    }
    assert short == list(arrived.items())
    assert 0 < arrived[place] < len(FULL)


@given(data=st.data())
def test_both_say_the_same(data: st.DataObject) -> None:
    """Whoever is full or gone, and however often: the two passes name the same."""
    made = library()
    if not made.exists():
        pytest.skip("the pass was not compiled: python -m tools.compile")
    kinds = data.draw(st.lists(st.sampled_from(["open", "full", "broken", "none"]), max_size=12))
    said = []
    for one in (python_pass, CompiledPass(made)):
        with ExitStack() as stack:
            lines = [Line(stack) for _ in kinds]
            sockets = numbers(lines)
            for at, (kind, line) in enumerate(zip(kinds, lines, strict=True)):
                match kind:
                    case "full":
                        line.fill()
                    case "broken":
                        line.far.close()
                    case "none":
                        sockets[at] = -1
            said.append([one(sockets, frames) for frames in (b"some", b"more")])
    assert said[0] == said[1]


def test_what_was_not_compiled_is_done_in_python(tmp_path: Path) -> None:
    """Nothing there, or nothing that can be loaded, is no error."""
    assert best_pass(tmp_path) is python_pass
    library(tmp_path).write_text("this is no library")
    assert best_pass(tmp_path) is python_pass


def test_compiling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a compiler, and with one that fails, the reason is said and nothing is left."""
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(CannotCompile, match="there is no C compiler"):
        compile_pass(tmp_path)
    monkeypatch.setenv("CC", "false")
    with pytest.raises(CannotCompile, match="false failed"):
        compile_pass(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("CC", "true")
    with pytest.raises(CannotCompile, match="a file"):
        compile_pass(tmp_path / "a file")
