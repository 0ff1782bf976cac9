"""Reports of asyncio about futures that nobody awaits."""

from __future__ import annotations

import asyncio
import logging

import pytest

from feeds.daphne.cancellation import ignore_cancelled


def reports(error: BaseException, caplog: pytest.LogCaptureFixture, *, ignored: bool) -> str:
    """Let a future that nobody awaits end with *error*; return the lines that asyncio logs."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        if ignored:
            ignore_cancelled(loop)
        # asgiref leaves such a future if a thread ends just after its request was cancelled.
        loop.create_future().set_exception(error)

    with caplog.at_level(logging.ERROR, "asyncio"):
        asyncio.run(main())
    return caplog.text


@pytest.mark.parametrize("ignored", [False, True])
def test_cancelled_request_is_not_reported(
    caplog: pytest.LogCaptureFixture, *, ignored: bool
) -> None:
    """By default asyncio logs a traceback of such a request; the server's loop does not."""
    said = reports(asyncio.CancelledError(), caplog, ignored=ignored)
    assert ("Future exception was never retrieved" in said) is not ignored


def test_error_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    """Every other error is still reported, with its traceback."""
    assert "a real fault" in reports(ValueError("a real fault"), caplog, ignored=True)
