"""The verification of block logs, and its result for people and programs."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .core.counted import counted
from .jsonlines import write_json
from .log.findings import Findings, SessionSummary
from .log.format import format_time
from .log.parse import NotABlockLog
from .log.scanner import Scanner, scan_file
from .wire.names import key_prefix
from .wire.printable import printable


@dataclass(frozen=True, slots=True)
class Verified:
    """One log and its verification."""

    path: Path
    findings: Findings | None
    """The findings; None if it cannot be read as a block log."""
    why: str = ""
    """The reason why it cannot be read, as a sentence; empty if it can."""


def verify(path: Path) -> Verified:
    """
    Read the log at *path* from beginning to end, with one line in memory at a time.

    A client may be writing to it: only its present content is read, and an
    incomplete block is a torn tail.
    """
    findings, scanner = Findings(), Scanner(thorough=True)
    try:
        if path.exists() and not path.is_file():
            return Verified(path, None, f"the log {path} is not a regular file")
        for part in scan_file(path, scanner):
            findings.take(part)
    except NotABlockLog as error:
        return Verified(path, None, f"{path} is not a block log ({error})")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        return Verified(path, None, f"the log {path} cannot be read: {why}")
    findings.torn_bytes = scanner.torn_bytes
    return Verified(path, findings)


def show_as_text(verified: Verified) -> bool:
    """Print the result for a person; return whether the log is whole."""
    findings = verified.findings
    if findings is None:
        print(printable(verified.why), file=sys.stderr)
        return False
    lines = [f"{verified.path}: {_verdict(findings)}"]
    lines += [f"  {_summary(session)}" for session in findings.sessions]
    for notes, mark in (
        (findings.faults, ""),
        (findings.warnings, "warning: "),
        (findings.remarks, "note: "),
    ):
        lines += [f"  line {at.line}, byte {at.byte}: {mark}{at.text}" for at in notes.kept]
        more = notes.count - len(notes.kept)
        if more:
            lines.append(f"  {mark}and {more} more")
    if findings.torn_bytes:
        lines.append(
            f"  the last {counted(findings.torn_bytes, 'byte')} are a torn block, or one being "
            "written; the next start removes a torn block"
        )
    print("\n".join(map(printable, lines)), flush=True)
    return findings.is_whole


def show_as_json(verified: Verified) -> bool:
    """Print the result for a program; return whether the log is whole."""
    findings = verified.findings
    shown: dict[str, Any] = {"log": str(verified.path)}
    if findings is None:
        shown |= {"whole": False, "error": verified.why}
    else:
        shown |= {
            "whole": findings.is_whole,
            "torn_bytes": findings.torn_bytes,
            "sessions": [_summary_json(session) for session in findings.sessions],
            "faults": asdict(findings.faults),
            "warnings": asdict(findings.warnings),
            "remarks": asdict(findings.remarks),
        }
    write_json(shown)
    return findings is not None and findings.is_whole


def _verdict(findings: Findings) -> str:
    if findings.is_whole:
        return "whole" if any(one.blocks for one in findings.sessions) else "whole, without a block"
    return counted(findings.faults.count, "fault")


def _summary(session: SessionSummary) -> str:
    asked = session.asked
    feeds = " and ".join(asked.feeds)
    text = (
        f"session {key_prefix(asked.session)} of {asked.client}: {feeds} in blocks of "
        f"{asked.block_size}, {counted(session.blocks, 'block')}, "
        f"{counted(session.messages, 'message')}, {counted(session.gaps, 'missing offset')}"
    )
    if session.rollbacks:
        text += f", {counted(session.rollbacks, 'rollback')}"
    text += "".join(f", {blocks} {verdict}" for verdict, blocks in session.verdicts.items())
    if session.started_at is None or session.finished_at is None:
        return text
    return f"{text}, {format_time(session.started_at)} to {format_time(session.finished_at)}"


def _summary_json(session: SessionSummary) -> dict[str, Any]:
    asked = session.asked
    shown = asdict(session)
    del shown["asked"]
    # The key is a secret; only its prefix may be shown.
    return {
        "session": key_prefix(asked.session),
        "client": asked.client,
        "feeds": asked.feeds,
        "block_size": asked.block_size,
        **shown,
    }
