"""The report of a chaos run, as Markdown for people and as JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tools.chaos.truth import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fault, and the time until recovery."""

    at: float
    """Seconds since the start of the run."""
    fault: str
    lasted: float
    """Seconds from its start until all processes ran again."""
    recovered: float | None
    """Seconds from then until every client had written more to its log; None: never."""
    last: str
    """The last client to recover."""
    measured: dict[str, float] = field(default_factory=dict)
    """Further times in seconds, by their names."""

    @property
    def line(self) -> str:
        """The event in a line, for a terminal."""
        after = "never" if self.recovered is None else f"after {self.recovered:.1f} s"
        text = f"{self.at:6.0f} s  {self.fault}, lasted {self.lasted:.1f} s, recovered {after}"
        return "; ".join([f"{text}, {self.last} last", *self.times])

    @property
    def times(self) -> list[str]:
        """The measured times, for people."""
        return [f"{name} {seconds:.1f} s" for name, seconds in self.measured.items()]


@dataclass(slots=True, kw_only=True)
class Report:
    """One run."""

    seed: int
    minutes: float
    clients: int
    events: list[Event] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    """Other problems, as sentences."""
    late: list[str] = field(default_factory=list)
    """Times above their limits, as sentences; they also depend on the load of the machine."""

    @property
    def is_good(self) -> bool:
        """Whether no message was lost, duplicated or altered, and everything recovered."""
        faults = [finding for finding in self.findings if finding.fault]
        stuck = [event for event in self.events if event.recovered is None]
        is_judged = len(self.findings) == self.clients
        return is_judged and not (faults or stuck or self.troubles)

    def write(self, folder: Path) -> Path:
        """Write ``report.json`` and ``report.md``; return the path of ``report.md``."""
        folder.mkdir(parents=True, exist_ok=True)
        whole = {**asdict(self), "good": self.is_good}
        (folder / "report.json").write_text(json.dumps(whole, indent=1), encoding="utf-8")
        path = folder / "report.md"
        path.write_text(self.text(), encoding="utf-8")
        return path

    def summary(self) -> str:
        """Return the outcome in one sentence."""
        good = [finding for finding in self.findings if not finding.fault]
        messages = sum(finding.messages for finding in good)
        blocks = sum(finding.blocks for finding in good)
        dropped = sum(finding.dropped for finding in good)
        kills = sum("killed" in event.fault for event in self.events)
        return (
            f"{'good' if self.is_good else 'NOT GOOD'}: {len(self.events)} faults, {kills} of them "
            f"kills; {messages:,} messages in {blocks:,} blocks of {len(good)} clients are intact, "
            f"each block is stored once and verified; {dropped:,} repeated messages were dropped; "
            f"reach {len(good) / max(self.clients, 1):.6f}"
            + (f"; {len(self.late)} times above their limits" if self.late else "")
        )

    def text(self) -> str:
        """Return the report as Markdown."""
        lines = [
            "# Chaos",
            "",
            f"Seed {self.seed}, {self.minutes:g} minutes, {self.clients} clients.",
            "",
            self.summary() + ".",
            "",
            "## Faults",
            "",
            "| fault | times | half recovered within | all recovered within |",
            "|---|---|---|---|",
        ]
        times = defaultdict(list)
        for event in self.events:
            seconds = float("inf") if event.recovered is None else event.recovered
            times[event.fault].append(seconds)
        for name, found in sorted(times.items()):
            found.sort()
            half = found[len(found) // 2]
            lines.append(f"| {name} | {len(found)} | {half:.1f} s | {found[-1]:.1f} s |")
        wrong = [f"{one.client}: {one.fault}" for one in self.findings if one.fault]
        if wrong or self.troubles:
            lines += ["", "## Problems", "", *(f"- {text}" for text in wrong + self.troubles)]
        if self.late:
            lines += ["", "## Times above their limits", "", *(f"- {text}" for text in self.late)]
        lines += [
            "",
            "## All faults in order",
            "",
            "| at | fault | lasted | recovered after | last | measured |",
            "|---|---|---|---|---|---|",
        ]
        for event in self.events:
            after = "never" if event.recovered is None else f"{event.recovered:.1f} s"
            at, lasted = f"{event.at:.0f} s", f"{event.lasted:.1f} s"
            cells = (at, event.fault, lasted, after, event.last, ", ".join(event.times))
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"
