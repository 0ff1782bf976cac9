"""``python -m clientapp verify``: its output and its exit codes."""

import json
from pathlib import Path

import pytest

from clientapp import cli
from clientapp.log.blocklog import BlockLog
from clientapp.verify import verify
from clientapp.wire.report import Report
from tests.support import block_logs
from tests.support.block_logs import ALICE, good_log, session_log, users

VERDICT = """\
{path}: whole
  session first-se of alice: users and arrays in blocks of 4, 3 blocks, 12 messages, \
3 missing offsets, 2026-11-21T08:33:20.000000Z to 2026-11-21T08:33:33.000000Z
  session second-s of bob: users and arrays in blocks of 3, 2 blocks, 6 messages, \
5 missing offsets, 2026-11-21T08:33:20.000000Z to 2026-11-21T08:33:26.000000Z
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a good log."""
    path = tmp_path / "alice.log"
    path.write_bytes(good_log())
    return path


def test_good_log_is_whole(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A good log is whole, and each of its sessions is summarised."""
    assert cli.main(["verify", str(path)]) == 0
    assert capsys.readouterr() == (VERDICT.format(path=path), "")


def test_log_in_use_can_be_verified(path: Path) -> None:
    """A log can be verified while its client writes it."""
    with BlockLog(path):
        assert cli.main(["verify", str(path)]) == 0


@pytest.mark.parametrize(
    "log", [b"", good_log().partition(b"=== block")[0]], ids=["empty", "session"]
)
def test_log_without_a_block_is_whole(
    path: Path, capsys: pytest.CaptureFixture[str], log: bytes
) -> None:
    """A log without a block has no fault, and verify says that it has no block."""
    path.write_bytes(log)
    assert cli.main(["verify", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"{path}: whole, without a block"


def test_torn_tail_is_not_a_fault(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A torn tail is reported, but is not a fault."""
    path.write_bytes(path.read_bytes() + b"\n=== block 3: 3 mess")
    assert cli.main(["verify", str(path)]) == 0
    assert "the last 20 bytes are a torn block" in capsys.readouterr().out


def test_faults_are_listed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each fault is a sentence with its place, and the exit code is 1."""
    path.write_bytes(path.read_bytes().replace(b"del 9", b"del 8"))
    assert cli.main(["verify", str(path)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{path}: 1 fault"
    assert said[-1] == "  line 9, byte 1256: block 1 does not match its checksum"


def test_many_faults_are_counted(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first faults are shown, and the others are counted."""
    log = session_log(ALICE, users(1, 100)).replace(b"crc32", b"CRC32")
    path.write_bytes(log.replace(b"CRC32", b"crc32", 1))
    assert cli.main(["verify", str(path)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert (said[0], said[-1]) == (f"{path}: 25 faults", "  and 5 more")


def test_json_has_an_object_per_log(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--json`` prints one object per log, in the order given."""
    torn = path.with_name("torn.log")
    torn.write_bytes(path.read_bytes()[:-1].replace(b"users 9 ", b"users 7 "))
    absent = path.with_name("absent.log")
    assert cli.main(["verify", "--json", *map(str, (path, torn, absent))]) == 1
    whole, faulty, unread = map(json.loads, capsys.readouterr().out.splitlines())
    assert (whole["whole"], whole["torn_bytes"], whole["faults"]["count"]) == (True, 0, 0)
    assert whole["sessions"][0] == {
        "session": "first-se",
        "client": "alice",
        "feeds": ["users", "arrays"],
        "block_size": 4,
        "blocks": 3,
        "messages": 12,
        "gaps": 3,
        "rollbacks": 0,
        "verdicts": {},
        "started_at": 1_795_250_000_000_000,
        "finished_at": 1_795_250_013_000_000,
    }
    assert (faulty["whole"], faulty["torn_bytes"] > 0) == (False, True)
    assert faulty["faults"]["kept"][0]["text"] == "users 7 stands after users 8"
    expected = f"the log {absent} cannot be read: No such file or directory"
    assert unread == {"log": str(absent), "whole": False, "error": expected}


@pytest.mark.parametrize(
    ("text", "why"),
    [(b"Dear Ada,\n", "is not a block log"), (None, "is not a regular file")],
)
def test_unreadable_log_does_not_stop_the_others(
    tmp_path: Path, text: bytes | None, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is not a log is reported in one sentence, and the other logs are still read."""
    other = tmp_path / "other"
    if text is None:
        other.mkdir()
    else:
        other.write_bytes(text)
    good = tmp_path / "good.log"
    good.write_bytes(good_log())
    assert cli.main(["verify", str(other), str(good)]) == 1
    said = capsys.readouterr()
    assert (said.err.count("\n"), why in said.err) == (1, True)
    assert said.out == VERDICT.format(path=good)


def test_endless_line_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file without line feeds is refused before it fills the memory."""
    path = tmp_path / "endless.log"
    with path.open("wb") as file:
        file.write(b"# session {")
        file.truncate(2**27)
    assert cli.main(["verify", str(path)]) == 1
    assert "a line has 67108864 bytes or more" in capsys.readouterr().err


def test_log_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a log the command ends with exit code 2 and one sentence."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["verify"])
    assert (ended.value.code, capsys.readouterr().err.count("\n")) == (2, 1)


def test_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """The help explains each exit code."""
    with pytest.raises(SystemExit):
        cli.main(["verify", "--help"])
    assert cli.VERIFY_EXIT_CODES in capsys.readouterr().out


def test_a_clock_before_1970_makes_good_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log with such times is whole, can be resumed from, and its reports can be read."""
    monkeypatch.setattr(block_logs, "STARTED_US", -86_400_000_000)
    path = tmp_path / "alice.log"
    path.write_bytes(session_log(ALICE, users(1, 8)))
    findings = verify(path).findings
    assert findings is not None
    assert findings.is_whole, findings.faults
    with BlockLog(path) as log:
        assert log.last is not None
        report = log.last.report
        assert report.finished_at < 0
        assert Report.read(report.write()) == report
