"""The processor time of a process that is watched, and its end."""

from __future__ import annotations

import os
import subprocess

import pytest

from clientapp.lab.processor import PROC, Watch, seconds_of


@pytest.mark.skipif(not PROC.is_dir(), reason="/proc tells the processor time")
def test_process_that_ended_is_gone_and_adds_no_zero() -> None:
    """Each look records a share while the process runs; a zombie counts as ended."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        watch = Watch(process.pid)
        watch.look()
        assert (len(watch.shares), watch.is_gone) == (1, False)
        assert process.stdin is not None
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert seconds_of(process.pid) is None
        watch.look()
        watch.look()
        assert (len(watch.shares), watch.is_gone) == (1, True)
    assert seconds_of(process.pid) is None


def test_nothing_is_watched() -> None:
    """Without a process, its time is unknown, and it does not count as ended."""
    watch = Watch(None)
    watch.look()
    assert (watch.shares, watch.is_gone) == ([], False)
