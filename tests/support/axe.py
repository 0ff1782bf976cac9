"""
The accessibility rules of axe-core, for a page that a test has open.

https://github.com/dequelabs/axe-core, installed with npm. It is injected past the page's
Content-Security-Policy, as an extension would do.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.support import npm
from tests.support.browser import Browser

SERIOUS = ("serious", "critical")

RUN = """
axe.run(document, {resultTypes: ["violations"], preload: false})
.then(({violations}) => violations.map(
  ({id, impact, nodes}) => ({id, impact, nodes: nodes.map(({target, failureSummary}) =>
    `${target} ${failureSummary}`)})))
"""


@cache
def _script() -> str:
    return (npm.modules() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def faults(page: Browser) -> list[dict[str, Any]]:
    """Return the serious and critical violations of the open page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_script() + "; 0")
    answer = page.call("Runtime.evaluate", expression=RUN, awaitPromise=True, returnByValue=True)
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    return [found for found in answer["result"]["value"] if found["impact"] in SERIOUS]
