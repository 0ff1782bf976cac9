"""The command ``blockfeed`` chooses a program, its arguments and its environment."""

import os
from pathlib import Path

import pytest
from blockfeed import cli


class Became(Exception):
    """Raised in place of becoming a program; has the program that the command would become."""


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command report the program that it would become."""
    monkeypatch.delenv("BLOCKFEED_VAR", raising=False)

    def become(_: str, command: list[str], environment: dict[str, str]) -> None:
        raise Became(command[1:], environment.get("BLOCKFEED_VAR"))

    monkeypatch.setattr(os, "execve", become)


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ([], ["-m", "tools.run"]),
        (["--port", "0", "--help"], ["-m", "tools.run", "--port", "0", "--help"]),
        (["verify", "a.log"], ["-m", "clientapp", "verify", "a.log"]),
        (["client", "--name", "bob"], ["-m", "clientapp", "collect", "--name", "bob"]),
        (["swarm"], ["-m", "clientapp", "swarm"]),
        (["analyse"], ["-m", "clientapp", "analyse"]),
        (["serve", "--help"], [cli.MANAGE, "serve", "--help"]),
    ],
)
def test_each_command_has_its_program(words: list[str], arguments: list[str]) -> None:
    """A command without data of its own gets its arguments unchanged."""
    with pytest.raises(Became) as became:
        cli.main(words)
    assert became.value.args == (arguments, None)


@pytest.mark.parametrize("given", [["--var", "data"], ["--var=data"]])
def test_folder_for_data_may_stand_anywhere(given: list[str]) -> None:
    """``--var`` becomes the variable, as an absolute path, and is not passed on."""
    for words in ([*given, "--rate", "5"], ["--rate", "5", *given]):
        with pytest.raises(Became) as became:
            cli.main(["generate", *words])
        expected = [cli.MANAGE, "generate", "--rate", "5"]
        assert became.value.args == (expected, str(Path("data").resolve()))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["serve"], "serve needs --var DIR, a folder for data that serve and generate share"),
        (["manage", "migrate", "--var"], "manage: --var needs a folder"),
        (
            ["start"],
            (
                "'start' is not a command; there are: "
                "serve, generate, manage, client, verify, swarm, analyse"
            ),
        ),
    ],
)
def test_mistake_is_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing folder or an unknown command ends it with exit code 2."""
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert capsys.readouterr() == ("", f"blockfeed: {sentence}\n")
