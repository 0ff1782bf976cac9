"""Docstrings, comments and commit subjects keep to plain English."""

import ast
import io
import re
import shutil
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent
FOLDERS = ("benchmarks", "clientapp", "feeds", "packaging", "tests", "tools", "wsproject")
SUBJECT_CHARACTERS = 72

QUESTION = re.compile(r"(What|Whatever|Who|Whoever|Whose|How|Why|Which)\b")
QUOTED = re.compile(rf"[\"']\s*({QUESTION.pattern})")
# A "who" without a noun before it; `test_patterns` has examples.
HEADLESS = re.compile(
    r"(^|[.:;] )who(ever)? "
    r"|\b(and|as|by|for|from|of|or|than|to|where|with) who(ever)? "
    r"|\b(knows?|says?|sees?|tells?) who(ever)? ",
    re.IGNORECASE,
)
WHO = re.compile(r"\bwho(ever)?\b", re.IGNORECASE)


def modules() -> list[Path]:
    """Return the modules whose sentences are checked."""
    return [path for folder in FOLDERS for path in sorted((CHECKOUT / folder).rglob("*.py"))]


def docstrings(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each docstring in a module, also of a field's docstring."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            value = node.value.value
            if isinstance(value, str):
                yield node.lineno, " ".join(value.split())


def comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each comment in a module; consecutive lines are one."""
    start, lines = 0, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if lines and token.start[0] != start + len(lines):
                yield start, " ".join(lines)
                lines = []
            start = start if lines else token.start[0]
            lines.append(token.string.lstrip("# "))
    if lines:
        yield start, " ".join(lines)


def questions(text: str) -> list[int]:
    """Return the lines of docstrings that begin with a question word."""
    if not QUOTED.search(text):  # parsing takes a second in all
        return []
    return [line for line, said in docstrings(text) if QUESTION.match(said)]


def headless(text: str) -> list[int]:
    """Return the lines of docstrings and comments with a "who" that has no noun."""
    if not WHO.search(text):
        return []
    sentences = [*docstrings(text), *comments(text)]
    return [line for line, said in sentences if HEADLESS.search(said)]


def git(*arguments: str) -> str:
    """Return the output of a git command in the checkout; empty if it fails."""
    if shutil.which("git") is None:
        return ""
    done = subprocess.run(
        ["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode == 0 else ""


def test_no_docstring_begins_with_a_question_word() -> None:
    """A docstring begins with an imperative or a noun, not with "What" or "How"."""
    found = {path: questions(path.read_text(encoding="utf-8")) for path in modules()}
    assert {str(path.relative_to(CHECKOUT)): lines for path, lines in found.items() if lines} == {}


def test_every_who_has_a_noun() -> None:
    """Sentences name the client, the server or the user, not just "who"."""
    found = {path: headless(path.read_text(encoding="utf-8")) for path in modules()}
    assert {str(path.relative_to(CHECKOUT)): lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("text", "is_question", "is_headless"),
    [
        ('"""What runs."""', True, False),
        ('kept = 1\n"""How many are kept."""', True, False),
        ('"""Whether it runs."""', False, False),
        ('"""Tell the server who runs. Who comes meanwhile waits."""', False, True),
        ("# Left to whoever asks,\n# for who knows.", False, True),
        ("#: asked by\n# who waits", False, True),
        ('"""Return the users who signed in, and one who did not."""', False, False),
        ("# an operator, who uses the admin", False, False),
    ],
)
def test_patterns(text: str, is_question: bool, is_headless: bool) -> None:  # noqa: FBT001
    """The patterns find what they are for, and leave relative clauses with a noun alone."""
    assert (bool(questions(text)), bool(headless(text))) == (is_question, is_headless)


# Not a skip, which fails in CI: `.ci/run` tests a copy without history.
if git("rev-parse", "--show-cdup") == "\n":

    def test_subjects_of_commits_are_short() -> None:
        """A commit's subject has at most 72 characters, since the commit of this test."""
        added = git("log", "--diff-filter=A", "--format=%H", "--", "tests/test_language.py")
        first = added.split()[-1:]
        subjects = git("log", "--format=%s", f"{first[0]}..HEAD").splitlines() if first else []
        assert [one for one in subjects if len(one) > SUBJECT_CHARACTERS] == []
