"""The documents match the code: links, commands, options, codes and limits."""

import ast
import json
import os
import re
import subprocess
import sys
import sysconfig
from dataclasses import asdict, fields
from decimal import Decimal
from importlib import import_module
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from clientapp.wire.closing import Close
from clientapp.wire.digest import digest_of, format_digest
from feeds.core.limits import LIMITS
from feeds.metrics.names import METRICS
from feeds.pages.health import Health
from feeds.pages.newest import Newest, ShownMessage
from feeds.pages.overview import ClientRow, FeedCard, Numbers, Overview
from feeds.pages.pace import SizeRow
from feeds.pages.sparklines import Sparkline, Sparklines
from feeds.sources import make_source
from tests.support.forks import run
from tests.support.protocol_schema import validator

CHECKOUT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path
    for folder, pattern in ((".", "*.md"), ("clientapp", "*.md"), ("docs", "**/*.md"))
    for path in (CHECKOUT / folder).glob(pattern)
)
DECISIONS = sorted((CHECKOUT / "docs" / "decisions").glob("*.md"))

INSTALLED = "tests/acceptance/shared/installed/test_command.py"

# Commands of the README that are proved elsewhere: the file, and a text in it.
PROVED = {
    "make run": ("tests/acceptance/test_run.py", "tools.run"),
    "make test": (".ci/run", "make test"),
    "uv build --wheel": ("tests/support/wheel.py", '"build", "--quiet", "--wheel"'),
    "uvx --from dist/blockfeed-*.whl blockfeed": (INSTALLED, "uvx --from dist/blockfeed-*.whl"),
    "pipx run --spec dist/blockfeed-*.whl blockfeed": (INSTALLED, "pipx run --spec dist/"),
    "python3 -m venv .venv": ("tools/venv.sh", "-m venv"),
    ". .venv/bin/activate": ("Makefile", "BIN = $(VENV)/bin"),
    "pip install -r requirements.txt": (".ci/run", "-r requirements.txt"),
    "python manage.py createsuperuser": ("tools/prepare.py", "createsuperuser"),
    "python manage.py runserver": ("tests/acceptance/test_by_hand.py", "runserver"),
    "python manage.py generate": ("tests/acceptance/test_by_hand.py", "generate"),
    ".venv/bin/python examples/first_client.py": ("tests/acceptance/test_tutorial.py", "README.md"),
    "python clientapp/client.py --name alice": ("tests/acceptance/test_by_hand.py", "--name alice"),
}

# Options of every Django command.
DJANGO_OPTIONS = (
    "--help",
    "--version",
    "-v",
    "--verbosity",
    "--settings",
    "--pythonpath",
    "--traceback",
    "--no-color",
    "--force-color",
    "--skip-checks",
)
HEADINGS_OF_LIMITS = (
    "Of a child process of a server",
    "Of the protocol",
    "Of a client",
    "Of a generator",
    "Of SQLite",
    "Of PostgreSQL",
    "Of a feed",
    "Of the analysis",
    "Of the history",
    "Of the admin",
    "Of the page",
    "Of the fixture",
    "Of a swarm",
    "Of a sweep",
)
"""Sections of docs/reference/limits.md whose limits are constants of modules."""


def text(name: str) -> str:
    """Return the text of a file in the checkout."""
    return (CHECKOUT / name).read_text(encoding="utf-8")


def readme_commands() -> list[str]:
    """Return every line of the README's fenced sh blocks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text("README.md"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def table(document: str, heading: str) -> list[list[str]]:
    """Return the cells of the table under *heading*, without its two top rows."""
    section = document.split(f"# {heading}\n", 1)[1].split("\n#", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_links_name_existing_files(document: Path) -> None:
    """Every relative link names a file that exists."""
    links = re.findall(r"\]\((?!\w+:|#)([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_documents_that_are_named_exist() -> None:
    """Every document that code, tests and configuration name as docs/... exists."""
    folders = [
        "benchmarks",
        "clientapp",
        "docs",
        "feeds",
        "packaging",
        "templates",
        "tests",
        "tools",
        "wsproject",
    ]
    files = [CHECKOUT / "Makefile", *CHECKOUT.glob("*.*")]
    files += [path for folder in folders for path in (CHECKOUT / folder).rglob("*.*")]
    named: set[str] = set()
    for path in files:
        if path.suffix in {"", ".c", ".h", ".html", ".js", ".json", ".md", ".py", ".toml", ".txt"}:
            document = path.read_text(encoding="utf-8", errors="ignore") if path.is_file() else ""
            named |= set(re.findall(r"\bdocs/[\w/-]+\.(?:md|json)", document))
    assert "docs/reference/protocol.md" in named
    assert sorted(name for name in named if not (CHECKOUT / name).exists()) == []


@pytest.mark.parametrize("document", ["README.md", "docs/tutorial.md"])
def test_code_that_is_shown_is_the_example(document: str) -> None:
    """The client that README and tutorial show is the file that they name."""
    assert f"```python\n{text('examples/first_client.py')}```" in text(document)


@pytest.mark.parametrize("document", ["README.md", "docs/how-to/consume-in-python.md"])
def test_python_api_that_is_shown_is_the_example(document: str) -> None:
    """The program that README and guide show is the file that runs in a test."""
    assert f"```python\n{text('examples/api_client.py')}```" in text(document)


@pytest.mark.parametrize("example", ["consumer", "service", "channels_project"])
def test_tests_that_are_shown_are_the_examples(example: str) -> None:
    """The tests in the guide are the files that pass as they are."""
    shown = f"```python\n{text(f'examples/testing/test_{example}.py')}```"
    assert shown in text("docs/how-to/test-your-consumer.md")


@pytest.mark.parametrize("document", ["README.md", "docs/tutorial.md"])
def test_records_that_are_shown_are_the_feeds(document: str) -> None:
    """The names in the shown output are those of the users feed at these offsets."""
    shown = re.findall(r"^(\d+) ([A-Z][a-z]+ [A-Z][a-z]+)$", text(document), re.MULTILINE)
    source = make_source("users", {}, seed=1)
    for offset, name in shown:
        (record,) = source.records(first=int(offset), count=1)
        assert json.loads(record)["name"] == name
    assert len(shown) >= 6


@pytest.mark.parametrize("command", [c for c in readme_commands() if c not in PROVED])
def test_readme_command_works(command: str, tmp_path: Path) -> None:
    """A command of the README that is not proved elsewhere succeeds as written."""
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "BLOCKFEED_VAR": str(tmp_path)}
    subprocess.run(["sh", "-c", command], cwd=CHECKOUT, env=environment, check=True)


def test_proved_commands_are_in_the_readme() -> None:
    """Every command in the list of proofs is still in the README."""
    assert PROVED.keys() - set(readme_commands()) == set()


@pytest.mark.parametrize("command", PROVED)
def test_proof_exists(command: str) -> None:
    """The file that proves a command contains it."""
    file, words = PROVED[command]
    assert words in text(file)


def test_commands_are_documented() -> None:
    """Every command of manage.py that is ours is in a document."""
    ours = [name for name, application in get_commands().items() if application == "feeds"]
    documents = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    assert [name for name in ours if f"manage.py {name}" not in documents] == []
    assert ours != []


def test_client_options_are_documented() -> None:
    """Every option of the client is in its README, and no other."""
    option = r"(?<![\w-])--[a-z][a-z-]*"
    offered: set[str] = set()
    for command in ([], ["analyse"], ["collect"], ["swarm"], ["verify"]):
        usage = run(
            [sys.executable, "-m", "clientapp", *command, "--help"],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
        )
        offered |= set(re.findall(option, usage.stdout))
    described = set(re.findall(rf"`({option})", text("clientapp/README.md")))
    assert described - {"--help"} == offered - {"--help"}


@pytest.mark.parametrize("command", ["doctor", "generate", "prune", "serve"])
def test_options_of_commands_are_documented(command: str) -> None:
    """Every option of our commands is in docs/reference/commands.md, and no other."""
    parser = load_command_class("feeds", command).create_parser("manage.py", command)
    offered = {name for action in parser._actions for name in action.option_strings}
    rows = table(text("docs/reference/commands.md"), f"`manage.py {command}`")
    described = {row[0].strip("`").split()[0] for row in rows if row[0].startswith("`--")}
    assert described == offered - set(DJANGO_OPTIONS) - {"-h"}


@pytest.mark.parametrize(
    "command",
    ["ban", "doctor", "generate", "prune", "records", "runserver", "serve", "token"],
)
def test_exit_codes_of_commands_are_documented(command: str) -> None:
    """
    The exit codes in the help of a command equal those in docs/reference/commands.md.

    Argparse does not wrap them, so they must fit a terminal of 80 columns themselves.
    """
    parser = load_command_class("feeds", command).create_parser("manage.py", command)
    assert [line for line in str(parser.epilog).splitlines() if len(line) > 80] == []
    lines = str(parser.epilog).replace("\n     ", " ")
    said = re.findall(r"^  (\d+)  (.+)$", lines, re.MULTILINE)
    rows = [
        row
        for row in table(text("docs/reference/commands.md"), f"`manage.py {command}`")
        if row[0].isdigit()
    ]
    assert [(code, meaning) for code, meaning, *_ in rows] == said


def test_settings_are_documented() -> None:
    """Every variable that the settings read is in docs/reference/settings.md, and no other."""
    read = set(re.findall(r'\benv\.\w+\(\s*"(\w+)"', text("wsproject/settings.py")))
    rows = table(text("docs/reference/settings.md"), "Settings")
    assert {row[0].strip("`") for row in rows} == read


def test_metrics_are_documented() -> None:
    """The document has exactly the metrics of the code, in their order, with all columns."""
    rows = table(text("docs/reference/metrics.md"), "Names")
    assert [[cell.strip("`") for cell in row] for row in rows] == [
        [one.name, one.label, one.kind, one.unit, one.merge, one.about.removesuffix(".")]
        for one in METRICS
    ]
    labels = table(text("docs/reference/metrics.md"), "Labels")
    assert {row[0].strip("`") for row in labels} == {one.label for one in METRICS} - {""}


def test_checks_are_documented() -> None:
    """Every check of ours is in docs/reference/settings.md by its id, and no other."""
    made = set(re.findall(r'id="(feeds\.\w+)"', text("feeds/checks.py")))
    rows = table(text("docs/reference/settings.md"), "Checks")
    assert {row[0].strip("`") for row in rows} == made


def test_close_codes_are_documented() -> None:
    """The protocol lists exactly the close codes in the code."""
    rows = table(text("docs/reference/protocol.md"), "Close codes")
    assert {int(row[0]) for row in rows} == set(Close)


def test_error_codes_are_documented() -> None:
    """The protocol lists the errors that a server sends, and says which may be retried."""
    calls = [
        {keyword.arg: keyword.value for keyword in node.keywords}
        for path in (CHECKOUT / "feeds").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Failure"
    ]
    sent = {(ast.literal_eval(call["code"]), ast.literal_eval(call["retryable"])) for call in calls}
    rows = table(text("docs/reference/protocol.md"), "Errors")
    assert {(row[0].strip("`"), row[2] == "yes") for row in rows} == sent


def test_the_sample_session_is_true() -> None:
    """Each frame of the sample has its form, and the digest matches the records shown."""
    section = text("docs/reference/protocol.md").split("\n## A sample session\n", 1)[1]
    sample = re.findall(r"^([SC])  (\{.*\})$", section.split("\n## ", 1)[0], re.MULTILINE)
    for side, line in sample:
        validator({"S": "fromServer", "C": "fromClient"}[side]).validate(json.loads(line))
    frames = {json.loads(line)["type"]: json.loads(line) for _, line in sample}
    assert frames.keys() >= {"welcome", "message", "report", "ack", "heartbeat", "ping", "bye"}
    lines = [line for _, line in sample if '"type":"message"' in line]
    held = frames["report"]["feeds"]["arrays"]
    shown = (line.encode() for line in lines[: held["count"]])
    assert format_digest(digest_of(shown)) == held["digest"]
    for message in map(json.loads, lines):
        (record,) = make_source("arrays", {}, seed=1).records(first=message["offset"], count=1)
        assert message["data"] == json.loads(record)


@pytest.mark.parametrize(
    ("heading", "values"),
    [
        ("Members", Overview),
        ("Numbers", Numbers),
        ("Health", Health),
        ("Feeds", FeedCard),
        ("Clients", ClientRow),
        ("Sizes", SizeRow),
    ],
)
def test_status_is_documented(heading: str, values: type) -> None:
    """Every member of the status is documented, and no other."""
    rows = table(text("docs/reference/status.md"), heading)
    documented = [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]
    added = {"watched", "sparklines"} if values is Overview else set()
    assert set(documented) == {field.name for field in fields(values)} | added
    assert len(documented) == len(set(documented))


def test_drawings_and_messages_of_the_status_are_documented() -> None:
    """Every member of the watched messages and of the sparklines is documented."""
    status = text("docs/reference/status.md")
    watched, sparklines = (status.split(f"## {name}\n")[1] for name in ("Watched", "Sparklines"))
    shown = [*fields(Newest), *fields(ShownMessage)]
    assert [one.name for one in shown if f"| `{one.name}` |" not in watched] == []
    lines = [*fields(Sparklines), *fields(Sparkline)]
    assert [one.name for one in lines if f"`{one.name}`" not in sparklines] == []


def test_limits_of_a_server_are_documented() -> None:
    """The document lists exactly the limits in the code, with their values."""
    rows = table(text("docs/reference/limits.md"), "Of a server")
    assert {row[0].strip("`"): float(row[1]) for row in rows} == asdict(LIMITS)


@pytest.mark.parametrize("heading", HEADINGS_OF_LIMITS)
def test_other_limits_are_documented(heading: str) -> None:
    """The values in the document equal those in the modules."""
    rows = table(text("docs/reference/limits.md"), heading)
    for name, value, module, *_ in rows:
        limit = getattr(import_module(module.strip("`")), name.strip("`"))
        assert Decimal(str(limit)) == Decimal(value)


@pytest.mark.parametrize("heading", ["Of a server", *HEADINGS_OF_LIMITS])
def test_every_limit_is_reached(heading: str) -> None:
    """The test given for each limit exists."""
    for row in table(text("docs/reference/limits.md"), heading):
        file, _, test = row[-1].strip("`").partition("::")
        assert re.search(rf"^(async )?def {test}\(", text(file), re.MULTILINE), row


def test_every_promise_is_proved() -> None:
    """Each promise in docs/explanation/delivery.md names tests that exist."""
    promises = [
        row
        for heading in ("What arrives", "What is reported", "What is found")
        for row in table(text("docs/explanation/delivery.md"), heading)
    ]
    assert len(promises) > 20
    for promise, proofs in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", proofs)
        assert named, promise
        for file, test in named:
            assert re.search(rf"^(async )?(def |){test}\b", text(file), re.MULTILINE), test


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_decision_has_its_form(decision: Path) -> None:
    """A decision has its number, three headings, and at most 40 lines."""
    lines = decision.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(f"# {decision.stem[:4]}: ")
    headings = [line for line in lines if line.startswith("## ")]
    assert headings == ["## Context", "## Decision", "## Consequences"]
    assert len(lines) <= 40


def test_decision_numbers_are_unique() -> None:
    """No two decisions share a number."""
    numbers = [decision.stem[:4] for decision in DECISIONS]
    assert sorted(set(numbers)) == numbers


LOCKS = {
    "requirements.txt": "run",
    "clientapp/requirements.txt": "run",
    "clientapp/requirements-analysis.txt": "analysis",
    "requirements-dev.txt": "development",
    "requirements-docs.txt": "documentation",
    "requirements-postgres.txt": "postgres",
}


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_in_its_lock(name: str) -> None:
    """`make lock` was run after the last change: each pin is in the lock, with hashes."""
    lock = text(f"locks/{LOCKS[name]}.txt")
    locked = set(re.findall(r"^(\S+==\S+) (?:; .+ )?\\\n +--hash=sha256:", lock, re.MULTILINE))
    pins = re.findall(r"^([\w.-]+==\S+)", text(name), re.MULTILINE)
    assert {pin.lower().replace(".interface", "-interface") for pin in pins} - locked == set()


def test_decisions_are_listed() -> None:
    """The overview links every decision in order."""
    overview = text("docs/explanation/decisions.md")
    linked = re.findall(r"\(\.\./decisions/(\S+)\.md\) \|", overview)
    assert linked == [decision.stem for decision in DECISIONS]


@pytest.mark.parametrize(
    "name",
    [
        "requirements.txt",
        "requirements-dev.txt",
        "requirements-docs.txt",
        "requirements-postgres.txt",
        "clientapp/requirements.txt",
        "clientapp/requirements-analysis.txt",
    ],
)
def test_requirements_are_pinned_with_a_reason(name: str) -> None:
    """Every requirement is pinned to one version, with the reason for it."""
    lines = [line for line in text(name).splitlines() if line and line[0] not in "#-"]
    assert [line for line in lines if not re.fullmatch(r"[\w.\[\]-]+==\S+  # \S.*", line)] == []
    assert lines != []
