"""The pictures of the gallery: pages and terminals, each with a title and a sentence."""

from __future__ import annotations

from dataclasses import dataclass

DESKTOP, PHONE = 1440, 390
"""Widths in pixels."""
WIDTHS = (DESKTOP, PHONE)
FIRST = "#result_list a[href*='/change/']"
"""The link to the first row of a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePicture:
    """A page of the server in a browser."""

    name: str
    title: str
    sentence: str
    path: str
    """Path below the server's address; with `follow`, the page with the link."""
    shows: str
    """A JavaScript regular expression that the page's text matches once it is ready."""
    follow: str = ""
    """A selector of the link to click on `path`; empty: stay."""
    script: str = ""
    """JavaScript to run on the page before waiting for `shows`."""
    height: int = 1000
    """Height of the picture in pixels, at least the height of the browser's window."""
    dark: bool = False
    """Whether to take a picture of the dark page as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalPicture:
    """A program in a terminal."""

    name: str
    title: str
    sentence: str
    command: tuple[str, ...]
    """Arguments of Python in the checkout; ``{url}`` and ``{folder}`` are filled in."""
    shows: str
    """A regular expression that a line on the screen matches once it is ready."""
    alone: bool = False
    """Whether it needs a separate installation."""


PAGES = (
    PagePicture(
        name="page",
        title="The page",
        sentence="Feeds, rates and clients, refreshed every second, and a client in the page.",
        path="",
        script="document.querySelector('[name=size]').value = 2;"
        "document.querySelector('#client form').requestSubmit()",
        shows=r"Live[^]*Verified\s+[1-9][^]*alice",
        dark=True,
    ),
    PagePicture(
        name="dashboard",
        title="The admin",
        sentence="The state of the whole installation, at a glance.",
        path="admin/",
        shows="Sessions online",
        height=1750,
        dark=True,
    ),
    PagePicture(
        name="sessions",
        title="Sessions",
        sentence="Every client's session with its state, its feeds and its results.",
        path="admin/feeds/clientsession/",
        shows="alice",
    ),
    PagePicture(
        name="session",
        title="A session",
        sentence="One session in full: its connections, its blocks and their verdicts.",
        path="admin/feeds/clientsession/?q=alice",
        follow=FIRST,
        shows="alice",
        height=1900,
        dark=True,
    ),
    PagePicture(
        name="reports",
        title="Block reports",
        sentence="Each block that a client collected, with its time and its verdict.",
        path="admin/feeds/blockreport/",
        shows="alice",
    ),
    PagePicture(
        name="report",
        title="A block report",
        sentence="One report with its ranges, its digests and its verdict.",
        path="admin/feeds/blockreport/",
        follow=FIRST,
        shows="[Dd]igest",
    ),
    PagePicture(
        name="feeds",
        title="Feeds",
        sentence="The feeds with their rates and heads, which can be edited while they run.",
        path="admin/feeds/feed/",
        shows="users",
    ),
    PagePicture(
        name="feed",
        title="A feed",
        sentence="A feed's recipe, with a preview of its records.",
        path="admin/feeds/feed/",
        follow=FIRST,
        shows="[Rr]ecords",
    ),
    PagePicture(
        name="analysis",
        title="The analysis",
        sentence="Block time and latency against block size and clients, for all reports or some.",
        path="admin/",
        follow='a[href*="analysis"]',
        shows="By feeds, rate and block size",
        height=1500,
        dark=True,
    ),
)
"""Pages in the order of the gallery; the README shows the first one as well."""

TERMINALS = (
    TerminalPicture(
        name="terminal-generator",
        title="The generator",
        sentence="Each feed's state, rate, head and lateness.",
        command=("manage.py", "generate", "--rate=50"),
        shows=r"^users +running .* \d\d\d +0$",
        alone=True,
    ),
    TerminalPicture(
        name="terminal-client",
        title="The client",
        sentence="Each block with its verdict, and a live line.",
        command=(
            "clientapp/client.py",
            "--name=grace",
            "--block-size=2",
            "--url={url}",
            "--log={folder}/grace.log",
        ),
        shows=r"^Block 3 verified",
    ),
    TerminalPicture(
        name="terminal-swarm",
        title="A swarm",
        sentence="Many clients at once, with verdicts and percentiles for each part.",
        command=(
            "-m",
            "clientapp",
            "swarm",
            "--url={url}",
            "--clients=60",
            "--seconds=600",
            "--mix=users:2",
            "--mix=users+arrays:3",
        ),
        shows=r"^all +60/60 +\d+ +\d{3} ",
    ),
)


def every() -> tuple[PagePicture | TerminalPicture, ...]:
    """Return all pictures, in the order of the gallery."""
    return (*PAGES, *TERMINALS)
