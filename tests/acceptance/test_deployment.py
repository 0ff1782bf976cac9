"""The environment of a server in production."""

from __future__ import annotations

import re
import shlex

from tests.support.stack import CHECKOUT, PATIENCE_SECONDS, Stack


def documented() -> list[str]:
    """Return the words of the how-to's command that checks a deployment."""
    guide = (CHECKOUT / "docs" / "how-to" / "balancer.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^    (.*manage\.py check --deploy.*)$", guide, re.MULTILINE)
    return shlex.split(line)


def test_documented_environment_passes_the_check_of_a_deployment(stack: Stack) -> None:
    """With it, Django reports no problem; without it, it reports one."""
    words = documented()
    program = words.index(".venv/bin/python")
    given = dict(word.split("=", 1) for word in words[:program])
    command = words[program + 2 :]
    assert "--fail-level" in command
    said = stack.run(*command, **given)
    assert "no issues" in said
    checked = stack.start(*command)
    assert checked.process.wait(PATIENCE_SECONDS) == 1
    assert "security.W018" in checked.said


def test_serve_refuses_debug_where_others_can_reach_it(stack: Stack) -> None:
    """The refusal says what to do; an option turns it off."""
    address = f"0.0.0.0:{stack.port}"
    refused = stack.start("serve", f"--bind={address}")
    assert refused.process.wait(PATIENCE_SECONDS) == 1
    assert f"other machines can reach {address}" in refused.said
    assert "Set DEBUG=false, or add --allow-debug" in refused.said
    stack.start("serve", f"--bind={address}", "--allow-debug").wait_for("serving at")
