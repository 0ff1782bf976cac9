"""Servers at Unix sockets and at sockets that systemd passes."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import unix_connect

from clientapp.wire.closing import Close
from tests.support.stack import PATIENCE_SECONDS, Program, Stack, until

FORGED = {"X-Forwarded-For": "203.0.113.9"}
PEERS = "SELECT peer FROM feeds_connection"


@pytest.fixture
def path() -> Iterator[Path]:
    """Give a test a path that is short enough for a socket."""
    with TemporaryDirectory(prefix="bf-") as folder:
        yield Path(folder, "socket")


def serve(stack: Stack, path: Path) -> Program:
    """Start ``serve`` at a Unix socket, and wait until it accepts connections."""
    server = stack.start("serve", f"--bind=unix:{path}")
    server.wait_for(f"serving at unix:{path};")
    return server


def connect(path: Path, query: str, **options: Any) -> Any:
    """Connect through the socket at *path*."""
    return unix_connect(str(path), uri=f"ws://localhost/?{query}", **options)


@pytest.mark.parametrize("is_behind_proxy", [True, False])
def test_unix_socket_serves_clients(stack: Stack, path: Path, is_behind_proxy: bool) -> None:  # noqa: FBT001  parametrized
    """Clients are served; their address is the one that a proxy reports, or `unix`."""
    stack.environment |= {"DEBUG": "false", "BEHIND_TLS_PROXY": str(is_behind_proxy)}
    server = serve(stack, path)
    stack.generator("--feed=arrays", "--rate=100")
    with connect(path, "client=alice&feed=arrays", additional_headers=FORGED) as alice:
        offsets = [json.loads(alice.recv(PATIENCE_SECONDS))["offset"] for _ in range(50)]
        assert offsets == list(range(offsets[0], offsets[0] + 50))
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        until(lambda: len(stack.rows(PEERS)) == 1, lambda: server.said)
        assert stack.rows(PEERS) == [("203.0.113.9" if is_behind_proxy else "unix",)]
        server.process.terminate()
        with pytest.raises(ConnectionClosedError):
            list(alice)
    assert (alice.close_code, alice.close_reason) == (Close.DRAIN, "the server stops")
    assert server.process.wait(PATIENCE_SECONDS) == 0
    assert "Traceback" not in server.said


def test_unix_socket_passes_to_the_next_server(stack: Stack, path: Path) -> None:
    """A second server is refused while the first one runs, and replaces its socket afterwards."""
    first = serve(stack, path)
    second = stack.start("serve", f"--bind=unix:{path}")
    assert second.process.wait(PATIENCE_SECONDS) == 1
    assert second.said.splitlines()[-1] == (
        f"CommandError: cannot listen at unix:{path}: another server listens there, or may do so. "
        "Stop it, or name another path"
    )
    first.process.kill()
    first.process.wait()
    assert path.is_socket()
    third = serve(stack, path)
    stack.generator("--feed=arrays", "--rate=100")
    with connect(path, "feed=arrays") as client:
        assert json.loads(client.recv(PATIENCE_SECONDS))["type"] == "message"
    assert third.stop() == 0


def test_missing_socket_is_one_sentence(stack: Stack) -> None:
    """Without a socket from systemd, `fd:` is refused with the next step."""
    server = stack.start("serve", "--bind=fd:")
    assert server.process.wait(PATIENCE_SECONDS) == 1
    assert server.said.splitlines()[-1].startswith(
        "CommandError: cannot listen at fd: systemd passed no socket to this process"
    )
