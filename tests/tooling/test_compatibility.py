"""docs/compatibility.md is made from the method table and the tests, never by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_make_docs_prints() -> None:
    """A page that is behind promises what is refused, or hides what works."""
    made = subprocess.run(
        [sys.executable, ".ci/compatibility.py"], cwd=ROOT, capture_output=True, check=True
    )
    assert (ROOT / "docs" / "compatibility.md").read_bytes() == made.stdout, "run `make docs`"
