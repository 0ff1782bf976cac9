"""JSON output in every locale."""

import io
import json
import sys

import pytest

from clientapp.jsonlines import write_json

TEXT = "Sölzer 漢字 😀 \ud800"


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "UTF8", "iso-8859-1", "cp1252", "gbk"])
def test_output_is_json_in_every_locale(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Characters that the encoding lacks are escaped as JSON; a UTF-8 locale gets UTF-8."""
    written = io.BytesIO()
    output = io.TextIOWrapper(written, encoding=encoding, errors="backslashreplace")
    monkeypatch.setattr(sys, "stdout", output)
    write_json({"name": TEXT})
    assert json.loads(written.getvalue().decode()) == {"name": TEXT}
    assert ("ö".encode() in written.getvalue()) == encoding.lower().startswith("utf")
