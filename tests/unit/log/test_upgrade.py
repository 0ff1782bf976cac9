"""A block log of an earlier version is verified, studied and resumed."""

from dataclasses import replace
from pathlib import Path

import pytest

from clientapp.core.block import BlockBuilder
from clientapp.core.stamp import Stamp
from clientapp.lab.study.blockfiles import read_blocks
from clientapp.log.blocklog import BlockLog
from clientapp.verify import verify
from clientapp.wire.from_server import Ack
from clientapp.wire.message import Message
from clientapp.wire.position import Position

OLD_LOG = Path(__file__).parents[2] / "vectors" / "block_log_8158785.txt"
"""Two sessions with three blocks each, as the client of commit 8158785 wrote them."""
EPOCH = "d763ca51371e"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a copy that may be written to."""
    path = tmp_path / "alice.log"
    path.write_bytes(OLD_LOG.read_bytes())
    return path


def test_verify(path: Path) -> None:
    """The old log has no faults and no warnings, and every verdict in it is counted."""
    findings = verify(path).findings
    assert findings is not None
    assert (findings.faults.kept, findings.warnings.kept, findings.torn_bytes) == ([], [], 0)
    sessions = [(each.blocks, each.messages, each.verdicts) for each in findings.sessions]
    assert sessions == [(3, 12, {"verified": 3}), (3, 6, {"verified": 3})]


def test_study(path: Path) -> None:
    """Every block is read; none has the intended times that later versions write."""
    file = read_blocks(path)
    assert (len(file.sessions), file.damaged, file.ownerless) == (2, 0, 0)
    for session in file.sessions:
        assert [block.report.block for block in session.blocks] == [1, 2, 3]
        assert all(block.header.due is None for block in session.blocks)
        assert session.verdicts == dict.fromkeys((1, 2, 3), "verified")


def test_resume(path: Path) -> None:
    """The session of the old log continues after its last whole block."""
    end = path.stat().st_size
    with path.open("ab") as log:
        log.write(b"\n=== block 4: 2 mess")
    with BlockLog(path) as log:
        session, last = log.session, log.last
        assert (log.torn_bytes, path.stat().st_size, log.judged) == (20, end, 3)
        assert session is not None
        assert session.differences(replace(session, session="another-session-key")) == []
        assert last is not None
        assert (last.report.block, last.positions) == (3, {"users": Position(EPOCH, 18)})
        assert [report.block for report in log.reports_above(1)] == [2, 3]
        assert log.checksums(3) == {"users": [(17, 0x4FFBDD4A), (18, 0x6078CBC4)]}
        builder = BlockBuilder(session, 4)
        for offset in (19, 20):
            message = Message("users", offset, 0, {"name": "Ada"}, crc=offset)
            stamp = Stamp(last.report.finished_at + offset, float(offset))
            builder.add(message, EPOCH, stamp, log.format(message, message.data, stamp))
        log.append(builder.finish({"users": Position(EPOCH, 20)}))
        log.note(Ack(block=4, verdict="verified"))
    findings = verify(path).findings
    assert findings is not None
    assert (findings.faults.kept, findings.torn_bytes) == ([], 0)
    assert (findings.sessions[-1].blocks, findings.sessions[-1].verdicts) == (4, {"verified": 4})
