"""The line that tells other programs where the server accepts connections."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from tools.installation import CannotStart
from tools.ports import home


class Ready:
    """One line of JSON, on standard output, in a file, or both."""

    def __init__(self, port: int, var: Path, *, as_json: bool, file: str | None) -> None:
        """
        Tell about the server at *port*, whose data is in *var*.

        Raises CannotStart if *file* cannot be written: a program may wait for it.
        """
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
        if self._file is not None:
            self._require_writable(self._file)

    def announce(self) -> None:
        """
        Write and print the line.

        A reader never sees an incomplete file, and finds the file once the line is printed.
        """
        if self._file is not None:
            draft = self._draft(self._file)
            try:
                draft.write_text(f"{self._line}\n", encoding="utf-8")
                draft.replace(self._file)
                self._is_written = True
            except OSError as error:
                print(f"{self._file} cannot be written: {error.strerror}", file=sys.stderr)
        if self._as_json:
            with suppress(OSError):
                print(self._line, flush=True)

    @classmethod
    def _require_writable(cls, file: Path) -> None:
        if file.is_dir():
            raise CannotStart(f"{file} cannot be written: it is a folder")
        draft = cls._draft(file)
        try:
            draft.touch()
            draft.unlink()
        except OSError as error:
            raise CannotStart(f"{file} cannot be written: {error.strerror}") from None

    @staticmethod
    def _draft(file: Path) -> Path:
        """Return the path at which *file* is written first."""
        return file.with_name(f"{file.name}.{os.getpid()}")

    def withdraw(self) -> None:
        """Remove the file, if it was written."""
        if self._is_written and self._file is not None:
            self._file.unlink(missing_ok=True)
