"""Events for programs are JSON whatever the locale is."""

import io
import json
import sys

import pytest

from clientapp.jsonlines import write_json

TEXT = "Sölzer 漢字 😀 \ud800"


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "UTF8", "iso-8859-1", "cp1252", "gbk"])
def test_it_is_json_in_every_locale(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written as it is is an escape of JSON; readers that expect UTF-8 get it."""
    written = io.BytesIO()
    output = io.TextIOWrapper(written, encoding=encoding, errors="backslashreplace")
    monkeypatch.setattr(sys, "stdout", output)
    write_json({"name": TEXT})
    assert json.loads(written.getvalue().decode()) == {"name": TEXT}
    assert ("ö".encode() in written.getvalue()) == encoding.lower().startswith("utf")
