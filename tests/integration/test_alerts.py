"""The alerts for Prometheus."""

from __future__ import annotations

import re
from pathlib import Path

from feeds.metrics.names import BY_NAME
from tests.support.promtool import promtool

CHECKOUT = Path(__file__).parents[2]
ALERTS = CHECKOUT / "packaging" / "prometheus" / "blockfeed-alerts.yml"
CASES = CHECKOUT / "tests" / "vectors" / "alerts.yml"


def test_alerts_pass_promtool() -> None:
    """The checker of Prometheus accepts the file."""
    code, said = promtool("check", "rules", str(ALERTS))
    assert code == 0, said


def test_alerts_name_only_metrics_that_exist() -> None:
    """Each expression is about metrics of the list, or about Prometheus' own `up`."""
    text = ALERTS.read_text(encoding="utf-8")
    named = set(re.findall(r"\bblockfeed_\w+", text))
    assert named <= BY_NAME.keys()
    assert len(named) > 15


def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    """Given the values of servers over ten minutes, the right alerts fire, and no others."""
    cases = tmp_path / "cases.yml"
    text = CASES.read_text(encoding="utf-8")
    cases.write_text(text.replace("ALERTS", str(ALERTS)), encoding="utf-8")
    code, said = promtool("test", "rules", str(cases))
    assert code == 0, said


def test_alerts_are_documented() -> None:
    """The document lists the alerts of the file, in their order, with severity and time."""
    text = ALERTS.read_text(encoding="utf-8")
    rules = re.findall(
        r"- alert: (\w+)\n.*?\n +for: (\w+)\n +labels:\n +severity: (\w+)", text, re.DOTALL
    )
    document = (CHECKOUT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(Blockfeed\w+)` \| (\w+) \| (\w+) \|", document, re.MULTILINE)
    assert rows == [(name, severity, after) for name, after, severity in rules]
