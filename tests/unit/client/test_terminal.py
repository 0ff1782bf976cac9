"""The client's output for people."""

from dataclasses import replace

import pytest

from clientapp.core import events
from clientapp.core.tally import Tally
from clientapp.terminal import Terminal
from clientapp.wire.printable import printable
from clientapp.wire.report import Clock, Latency


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Gödel 漢字", "Gödel 漢字"),
        ("\x1b[2J\r\n", r"\x1b[2J\r\n"),
        ("\u202eevil", r"\u202eevil"),
        ("\ud800", r"\ud800"),
        ("[bold]", "[bold]"),
    ],
)
def test_control_characters_are_escaped(text: str, expected: str) -> None:
    """Characters that could control the terminal or hide text are escaped."""
    assert printable(text) == expected


def test_waiting_is_printed_ever_more_rarely(capsys: pytest.CaptureFixture[str]) -> None:
    """In a file, only attempts whose number is a power of two are printed."""
    terminal = Terminal(Tally(block_size=1))
    for attempt in range(1, 20):
        terminal.show(
            events.Waiting(url="ws://h/", reason="refused", seconds=attempt, attempt=attempt)
        )
    said = [line.split()[-2] for line in capsys.readouterr().out.splitlines()]
    assert said == ["1.0", "2.0", "4.0", "8.0", "16.0"]


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A quiet terminal prints nothing."""
    Terminal(Tally(block_size=1), quiet=True).show(events.Noticed(text="hello"))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (9, "Gap in users: 8 to 9 will not arrive (epoch)\n"),
        (7, "Gap in users: nothing is missing (epoch)\n"),
    ],
)
def test_gap_without_missing_messages_is_harmless(
    last: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A gap without missing offsets is reported as harmless."""
    terminal = Terminal(Tally(block_size=1))
    terminal.show(events.Missed(feed="users", first=8, last=last, epoch="", cause="epoch"))
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("verdict", "reason", "said"),
    [
        ("verified", "", "Block 3 verified\n"),
        ("broken", "users: 8\nmissing", "Block 3 broken: users: 8\\nmissing\n"),
        ("seasoned", "by a newer server", "Block 3 seasoned: by a newer server\n"),
    ],
)
def test_verdict_is_printed(
    verdict: str, reason: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server's verdict is printed with its reason."""
    terminal = Terminal(Tally(block_size=1))
    terminal.show(events.Acknowledged(block=3, verdict=verdict, reason=reason))
    assert capsys.readouterr().out == said


def test_verdicts_are_summarised(capsys: pytest.CaptureFixture[str]) -> None:
    """The end of a run gives the number of blocks for each verdict."""
    tally = Tally(block_size=1, blocks=3)
    tally.verdicts.update({"verified": 2, "broken": 1})
    Terminal(tally).show(tally.summary(unacknowledged=0, log="logs/alice.log"))
    assert "the server found 2 verified, 1 broken\n" in capsys.readouterr().out


def test_rest_for_the_next_start_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The end of a run says what the next start receives and sends again."""
    tally = Tally(block_size=3)
    summary = replace(tally.summary(unacknowledged=2, log=""), unfinished=1)
    Terminal(tally).show(summary)
    said = capsys.readouterr().out
    assert "the next start will receive 1 message of an unfinished block again\n" in said
    assert "the next start will send 2 reports again\n" in said


@pytest.mark.parametrize(
    ("clock", "said"),
    [
        (Clock(offset=3.0, error=0.00025), "latency 0.0013 s ± 0.0003 s\n"),
        (None, "latency 0.0013 s by this machine's own clock\n"),
    ],
)
def test_latency_is_shown_with_its_bound(
    clock: Clock | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A latency is shown with its error, or with the note that the error is unknown."""
    Terminal(Tally(block_size=1)).show(
        events.Completed(
            block=1,
            text="",
            feeds={},
            size=1,
            seconds=0.0,
            started_at=0,
            latency=Latency(p50=0.00125, p99=0.00125, max=0.00125),
            clock=clock,
            interrupted=False,
            bytes=1,
        )
    )
    assert capsys.readouterr().out.endswith(said)
