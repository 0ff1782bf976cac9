"""An installation of an earlier version is migrated without a loss."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zlib import crc32

import pytest

from tests.support.how_to import follow
from tests.support.judge import judge
from tests.support.log_oracle import offsets
from tests.support.stack import PATIENCE_SECONDS, Stack
from tests.support.staff import Staff

VECTORS = Path(__file__).parents[1] / "vectors"
OLD_DATABASE = VECTORS / "database_8158785.sql"
"""The SQLite database of commit 8158785, dumped after eight messages of the feed arrays, of which
alice reported two blocks of three, and bob three blocks of two. Permissions and content types are
left out; migrating creates them."""
OLD_LOG = VECTORS / "block_log_of_database_8158785.txt"
"""Alice's block log of that installation."""
SESSION_LINE = re.compile(rb"# session (\{.*\}) crc32 [0-9a-f]{8}\n")


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Stack]:
    """Give a test the old installation, backed up and upgraded as the guides say."""
    stack = Stack(tmp_path, migrated=False)
    (tmp_path / "var").mkdir()
    with closing(sqlite3.connect(tmp_path / "var" / "db.sqlite3")) as database:
        database.executescript(OLD_DATABASE.read_text("utf-8"))
    (tmp_path / "var" / "secret_key").write_text("of the old installation, and long enough")
    follow(stack, "backup.md", "Back up SQLite")
    follow(stack, "upgrade.md", "Upgrade")
    stack.log("alice").write_bytes(log_at(stack.url))
    yield stack
    stack.close()


def log_at(url: str) -> bytes:
    """Return the old log, changed as if its server had been at *url*, which its session names."""
    log = OLD_LOG.read_bytes()
    found = SESSION_LINE.match(log)
    assert found is not None
    asked = json.loads(found[1]) | {"url": url}
    line = json.dumps(asked, separators=(",", ":")).encode()
    return b"# session %b crc32 %08x\n%b" % (line, crc32(line), log[found.end() :])


def test_everything_stored_is_read(old: Stack) -> None:
    """The page and the admin show the feeds, sessions and reports of the old database."""
    old.server()
    status = json.loads(old.get("status.json"))
    heads = {feed["name"]: (feed["head"], feed["state"]) for feed in status["feeds"]}
    assert heads == {"arrays": ("8", "stopped"), "users": ("0", "not started")}
    totals = [status[name] for name in ("sessions", "blocks", "verified", "messages", "broken")]
    assert totals == ["of 2 sessions so far", "5", "5", "12", ""]
    staff = Staff(old)
    sessions = staff.get("admin/feeds/clientsession/")
    assert all(client in sessions for client in ("alice", "bob"))
    reports = staff.get("admin/feeds/blockreport/?o=1")
    for client, blocks in (("alice", 2), ("bob", 3)):
        for number in range(1, blocks + 1):
            assert f"Client {client} received {number} block in" in reports
    assert ">8</td>" in staff.get("admin/feeds/feed/")


def test_session_keys_are_hashed(old: Stack) -> None:
    """No session key is left anywhere in the database, and each session has its prefix."""
    found = old.rows("SELECT substr(key, 1, 9) FROM feeds_clientsession ORDER BY id")
    assert found == [("O2Lxqp1F.",), ("liksZLlA.",)]
    files = [path.read_bytes() for path in (old.folder / "var").glob("db.sqlite3*")]
    assert files
    for key in (b"O2Lxqp1FQgxtu_1BtctTOA", b"liksZLlAMfOy4pjM4RT-ag"):
        assert all(key not in file for file in files)


def test_generator_and_client_continue(old: Stack) -> None:
    """The feed continues at the next offset, and a client with its old log misses no message."""
    old.server()
    alice = old.client("alice", "--feed=arrays", "--block-size=3", "--blocks=2")
    old.run("generate", "--feed=arrays", "--count=4")
    assert alice.process.wait(PATIENCE_SECONDS) == 0, alice.said
    session = judge(old.log("alice"))
    assert offsets(session, "arrays") == list(range(1, 13))
    stored = (
        "SELECT number, verdict FROM feeds_blockreport JOIN feeds_clientsession AS session "
        "ON session_id = session.id WHERE client = 'alice' ORDER BY number"
    )
    assert old.rows(stored) == [(number, "verified") for number in range(1, 5)]
    assert old.rows("SELECT first FROM feeds_segment ORDER BY first") == [(1,), (9,)]
    assert old.rows("SELECT promised FROM feeds_feed WHERE name = 'arrays'") == [(12,)]
