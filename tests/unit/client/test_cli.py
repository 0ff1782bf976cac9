"""What the command line takes, and what it says of the rest."""

from argparse import Namespace

import pytest

from clientapp import cli
from clientapp.options import add_collect_options


def parse(*arguments: str) -> Namespace:
    """Return the options that *arguments* mean."""
    parser = cli.Parser(prog="client.py")
    add_collect_options(parser)
    return parser.parse_args(arguments)


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an option the client asks the server next door, by the login name."""
    monkeypatch.setenv("LOGNAME", "ada")
    options = parse()
    given = (options.url, options.name, options.feeds, options.select, options.block_size)
    assert given == ("ws://127.0.0.1:8000/", "ada", None, (), 10)
    assert (options.blocks, options.log) == (None, None)


def test_login_name_that_is_no_client_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A login name that the protocol does not allow makes a guest."""
    monkeypatch.setenv("LOGNAME", "$ada")
    assert parse().name == "guest"


@pytest.mark.parametrize(
    "url", ["ws://localhost", "wss://feed.example.org:8443/live/", "ws://[::1]:8000/"]
)
def test_good_url(url: str) -> None:
    """A WebSocket address with a host is taken as it stands."""
    assert parse("--url", url).url == url


def test_select() -> None:
    """Fields are split at commas, each once, in their order."""
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
        ("--select", "name,,country", "names of fields"),
        ("--block-size", "0", "from 1 to 100000"),
        ("--block-size", "100001", "from 1 to 100000"),
        ("--block-size", "ten", "from 1 to 100000"),
        ("--blocks", "-1", "from 1 to 1000000000"),
        ("--from", "0", "from 1 to 9007199254740991"),
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
    """A bad value ends with exit code 2 and one sentence: the value, the rule."""
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
    """Options that do not go together end with exit code 2 and one sentence."""
    with pytest.raises(SystemExit) as ended:
        cli.script(arguments)
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n"), rule in said) == (2, 1, True)


def test_help_of_every_option_names_its_default() -> None:
    """Nobody must read the code to learn what happens without an option."""
    parser = cli.Parser(prog="client.py")
    add_collect_options(parser)
    actions = [action for action in parser._actions if action.dest != "help"]
    assert [action.dest for action in actions if "(default: " not in (action.help or "")] == []


def test_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    """The help tells what each exit code means."""
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
def test_a_bad_url_is_said_without_its_password(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence shows where the password stood, and not the password."""
    with pytest.raises(SystemExit):
        cli.script(["--url", url])
    said = capsys.readouterr().err
    assert "USER:PASSWORD@host" in said
    assert "cret" not in said


def test_a_good_url_has_its_password_apart() -> None:
    """What is shown, kept and compared is the address without the password."""
    url = parse("--url", "ws://ada:s3cret@host/").url
    assert url == "ws://host/"
    assert url.full == "ws://ada:s3cret@host/"
