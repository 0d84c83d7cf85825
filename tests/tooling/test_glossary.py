"""docs/glossary.md is made from the lessons, never by hand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from helpers.course.catalogue import listed

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")


def test_the_page_is_what_make_docs_prints() -> None:
    """A page that is behind defines words as no lesson does."""
    made = subprocess.run(
        [sys.executable, ".ci/glossary.py"], cwd=ROOT, capture_output=True, check=True
    )
    assert PAGE.encode() == made.stdout, "run `make docs`"


def test_every_term_of_the_course_has_an_entry_that_names_it() -> None:
    entries = dict(re.findall(r"^## (.+)\n\n((?:(?!^## ).*\n)+)", PAGE, re.MULTILINE))
    terms = [term for lesson in listed(ROOT / "notebooks") for term in lesson.terms]
    assert sorted(map(str.lower, entries)) == sorted(map(str.lower, terms))
    for term, text in entries.items():
        assert f"**{term.lower()}" in text.lower()
