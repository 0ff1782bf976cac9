"""The options of the command line, and the errors for wrong ones."""

from argparse import Namespace

import pytest

from clientapp import cli
from clientapp.options import add_collect_options


def parse(*arguments: str) -> Namespace:
    """Return the options parsed from *arguments*."""
    parser = cli.Parser(prog="client.py")
    add_collect_options(parser)
    return parser.parse_args(arguments)


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without options the client connects to the local server under the login name."""
    monkeypatch.setenv("LOGNAME", "ada")
    options = parse()
    given = (options.url, options.name, options.feeds, options.select, options.block_size)
    assert given == ("ws://127.0.0.1:8000/", "ada", None, (), 10)
    assert (options.blocks, options.log) == (None, None)


def test_invalid_login_name_becomes_guest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A login name that the protocol does not allow is replaced by "guest"."""
    monkeypatch.setenv("LOGNAME", "$ada")
    assert parse().name == "guest"


@pytest.mark.parametrize(
    "url", ["ws://localhost", "wss://feed.example.org:8443/live/", "ws://[::1]:8000/"]
)
def test_websocket_url_is_accepted(url: str) -> None:
    """A WebSocket URL with a host is accepted unchanged."""
    assert parse("--url", url).url == url


def test_select_splits_at_commas() -> None:
    """The fields are split at commas; repeated ones are dropped, and the order is kept."""
    assert parse("--select", "name, country,name").select == ("name", "country")


@pytest.mark.parametrize(
    ("option", "value", "rule"),
    [
        ("--url", "http://127.0.0.1:8000/", "ws://HOST:PORT/ or wss://HOST:PORT/"),
        ("--url", "ws://", "ws://HOST:PORT/ or wss://HOST:PORT/"),
        ("--url", "ws://host:99999/", "ws://HOST:PORT/ or wss://HOST:PORT/"),
        ("--url", "ws://host/?feed=users", "ws://HOST:PORT/ or wss://HOST:PORT/"),
        ("--url", "ws://two words/", "ws://HOST:PORT/ or wss://HOST:PORT/"),
        ("--url", "ws://" + "x" * 64 + "/", "ws://HOST:PORT/ or wss://HOST:PORT/"),
        ("--name", "../etc", "1 to 64 letters"),
        ("--feed", "Users", "1 to 40 lower-case letters"),
        ("--select", "name,,country", "field names"),
        ("--block-size", "0", "from 1 to 100000"),
        ("--block-size", "100001", "from 1 to 100000"),
        ("--block-size", "ten", "from 1 to 100000"),
        ("--blocks", "-1", "from 1 to 1000000000"),
        ("--from", "0", "'0' is not allowed: start, or a whole number from 1 to 9007199254740991"),
        ("--from", "now", "from 1 to 9007199254740991"),
        ("--timeout", "0", "from 0.1 to 86400"),
        ("--timeout", "inf", "from 0.1 to 86400"),
        ("--clients", "0", "from 1 to 64"),
        ("--clients", "65", "from 1 to 64"),
        ("--label", "", "1 to 64 ASCII letters"),
        ("--label", "x" * 65, "1 to 64 ASCII letters"),
        ("--label", "<run>", "1 to 64 ASCII letters"),
    ],
)
def test_bad_value(option: str, value: str, rule: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad value ends with exit code 2 and one sentence that names the value and the rule."""
    with pytest.raises(SystemExit) as ended:
        cli.script([f"{option}={value}"])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert (said.count("\n"), repr(value) in said, rule in said) == (1, True, True)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["--feed=users", "--feed=users"], "'users' is given twice; once is allowed"),
        ([f"--feed=feed{number}" for number in range(17)], "17 are given; 16 are allowed"),
        (["--json", "--quiet"], "not allowed with argument"),
    ],
)
def test_bad_combination(
    arguments: list[str], rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options that exclude each other end with exit code 2 and one sentence."""
    with pytest.raises(SystemExit) as ended:
        cli.script(arguments)
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n"), rule in said) == (2, 1, True)


def test_help_of_every_option_names_its_default() -> None:
    """The help of every option states its default."""
    parser = cli.Parser(prog="client.py")
    add_collect_options(parser)
    actions = [action for action in parser._actions if action.dest != "help"]
    assert [action.dest for action in actions if "(default: " not in (action.help or "")] == []


@pytest.mark.parametrize("command", ["collect", "swarm", "analyse", "verify"])
def test_help_fits_eighty_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """No line of a help text is broken by a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit, match="0"):
        cli.main([command, "--help"])
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) > 80] == []


def test_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """The help explains each exit code."""
    with pytest.raises(SystemExit):
        cli.script(["--help"])
    assert cli.EXIT_CODES in capsys.readouterr().out


@pytest.mark.parametrize(
    "url",
    [
        "ws://ada:s3cret@host:99999/",
        "http://ada:s3cret@host/",
        "ws://ada:s3/cret@host/",
        "ws://s3cret@host/",
        "ws://ada:%ffcret@host/",
    ],
)
def test_error_about_a_url_hides_its_password(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The error shows where the password was, but not the password."""
    with pytest.raises(SystemExit):
        cli.script(["--url", url])
    said = capsys.readouterr().err
    assert "USER:PASSWORD@host" in said
    assert "cret" not in said


def test_url_is_kept_without_its_password() -> None:
    """The URL is shown, stored and compared without its password."""
    url = parse("--url", "ws://ada:s3cret@host/").url
    assert url == "ws://host/"
    assert url.full == "ws://ada:s3cret@host/"
