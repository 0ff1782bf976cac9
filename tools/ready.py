"""The line that tells other programs where the server accepts connections."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from tools.ports import home


class Ready:
    """One line of JSON, on standard output, in a file, or both."""

    def __init__(self, port: int, var: Path, *, as_json: bool, file: str | None) -> None:
        """Tell about the server at *port*, whose data is in *var*."""
        address = home(port)
        self._line = json.dumps(
            {
                "event": "ready",
                "url": f"ws://{address}",
                "page": f"http://{address}",
                "port": port,
                "pid": os.getpid(),
                "var": str(var),
            }
        )
        self._as_json = as_json
        self._file = None if file is None else Path(file).absolute()
        self._is_written = False

    def announce(self) -> None:
        """
        Write and print the line.

        A reader never sees an incomplete file, and finds the file once the line is printed.
        """
        if self._file is not None:
            draft = self._file.with_name(f"{self._file.name}.{os.getpid()}")
            try:
                draft.write_text(f"{self._line}\n", encoding="utf-8")
                draft.replace(self._file)
                self._is_written = True
            except OSError as error:
                print(f"{self._file} cannot be written: {error.strerror}", file=sys.stderr)
        if self._as_json:
            with suppress(OSError):
                print(self._line, flush=True)

    def withdraw(self) -> None:
        """Remove the file, if it was written."""
        if self._is_written and self._file is not None:
            self._file.unlink(missing_ok=True)
