"""The command `analyse`: trials read, or made by a sweep, and their report written."""

from __future__ import annotations

import argparse
import shlex
import sys

from clientapp.core.analysis.answers import answers
from clientapp.core.analysis.study import study
from clientapp.study.files import write_study
from clientapp.study.logs import read_logs
from clientapp.study.manifest import manifest
from clientapp.wire.printable import printable


def analyse(options: argparse.Namespace) -> None:
    """
    Do as *options* say, and tell where the report is.

    Raises ClientError, with a sentence.
    """
    reading = read_logs(options.paths, options.rate)
    found = study(reading.trials)
    command = shlex.join(["python", "-m", "clientapp", *sys.argv[1:]])
    path = write_study(options.out, found, reading.notes, manifest(command, reading.facts))
    for answer in answers(found):
        print(printable(answer))
    print(printable(f"The report is {path}."), flush=True)
