"""The digest in the page."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PROGRAM = """
import { readFileSync } from "node:fs";
import { crc32, Digest } from "./digest.mjs";
const made = JSON.parse(readFileSync(0, "utf8")).map(({ lines }) => {
  const digest = new Digest();
  const checksums = lines.map(crc32);
  checksums.forEach((crc) => digest.add(crc));
  return { crc32: checksums, digest: `${digest}` };
});
console.log(JSON.stringify(made));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_digest_matches_the_vectors(tmp_path: Path) -> None:
    """JavaScript computes the pinned checksums and digests."""
    vectors = (CHECKOUT / "tests" / "vectors" / "digest.json").read_text(encoding="utf-8")
    shutil.copy(CHECKOUT / "feeds" / "static" / "feeds" / "digest.js", tmp_path / "digest.mjs")
    (tmp_path / "program.mjs").write_text(PROGRAM, encoding="utf-8")
    program = ["node", str(tmp_path / "program.mjs")]
    done = subprocess.run(program, input=vectors, capture_output=True, text=True, check=True)
    expected = [{key: vector[key] for key in ("crc32", "digest")} for vector in json.loads(vectors)]
    assert json.loads(done.stdout) == expected
