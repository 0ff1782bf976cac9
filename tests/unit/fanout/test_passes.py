"""The pass in both languages, on real sockets."""

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
"""The send buffer requested for each socket, in bytes; the kernel takes somewhat more."""
FULL = b"x" * 2**20


@pytest.fixture(scope="module", params=["python", "compiled"])
def pass_over(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pass:
    """Return the pass in each language."""
    if request.param == "python":
        return python_pass
    if shutil.which("cc") is None:
        pytest.skip("a C compiler (cc) is not installed")
    return CompiledPass(compile_pass(tmp_path_factory.mktemp("compiled")))


class Line:
    """A server's socket and the client's end of it."""

    def __init__(self, stack: ExitStack) -> None:
        self.near, self.far = (stack.enter_context(one) for one in socket.socketpair())
        self.near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        self.near.setblocking(False)
        self.far.setblocking(False)

    def fill(self) -> None:
        """Fill the kernel's buffer."""
        with suppress(BlockingIOError):
            while True:
                self.near.send(FULL)

    def arrived(self) -> bytes:
        """Return the bytes that arrived at the client."""
        parts = []
        with suppress(BlockingIOError):
            while part := self.far.recv(2**20):
                parts.append(part)
        return b"".join(parts)


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    """Return ten lines."""
    with ExitStack() as stack:
        yield [Line(stack) for _ in range(10)]


def numbers(lines: list[Line]) -> array[int]:
    """Return the descriptors of the servers' sockets."""
    return array("i", [line.near.fileno() for line in lines])


def test_every_socket_gets_the_same_bytes(pass_over: Pass, lines: list[Line]) -> None:
    """Every socket takes all bytes of several passes, in any order of the sockets."""
    for frames in (b"a", b"\x81\x01\0", b"c" * 1000):
        assert pass_over(numbers(lines), frames) == []
    assert pass_over(numbers(lines[::-1]), b"d") == []
    assert {line.arrived() for line in lines} == {b"a\x81\x01\0" + b"c" * 1000 + b"d"}
    assert pass_over(array("i"), b"nobody") == []


def test_failing_sockets_are_reported(pass_over: Pass, lines: list[Line]) -> None:
    """A full, a broken, a closed and a missing socket are reported; the others get the bytes."""
    full, broken, closed, missing, *others = lines
    full.fill()
    broken.far.close()
    closed.near.close()
    sockets = numbers(lines)
    assert sockets[2] == -1
    sockets[3] = 1_000_000  # no open file has it
    assert pass_over(sockets, b"frames") == [(at, 0) for at in range(4)]
    assert missing.arrived() == b""
    assert {line.arrived() for line in others} == {b"frames"}


@pytest.mark.parametrize("place", [0, 4, 9])
def test_partial_write_is_reported(pass_over: Pass, lines: list[Line], place: int) -> None:
    """The reported size of a partial write is exactly what arrives."""
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
def test_both_passes_report_the_same(data: st.DataObject) -> None:
    """Both passes report the same sockets, in any mix of full and closed ones."""
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


def test_python_pass_is_the_fallback(tmp_path: Path) -> None:
    """Without a library that can be loaded, the pass in Python is used."""
    assert best_pass(tmp_path) is python_pass
    library(tmp_path).write_text("this is no library")
    assert best_pass(tmp_path) is python_pass


def test_failed_compilation_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing or failing compiler is reported with the reason, and no file is left."""
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
