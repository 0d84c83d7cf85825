"""A lesson that is opened alone shows what the reader sees in the committed notebook.

Outputs are compared where this Python is the one that made them, to the minor version; elsewhere
the cells are only executed. They take about as long as the notebook says.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from helpers.course.catalogue import Lesson, load
from helpers.course.generated import SECONDS
from helpers.course.surroundings import fresh_cloud
from tests.notebooks.executing import (
    LESSONS,
    NOTEBOOKS,
    left_in_the_cloud,
    nbval,
    own_scope,
    solved,
)

pytestmark = pytest.mark.timeout(900)

SHORT = 20.0
"""Seconds: what takes less differs more than threefold from one machine to another."""


def test_the_course_lists_every_notebook_that_there_is() -> None:
    assert load(NOTEBOOKS) == LESSONS


def test_what_differs_from_the_committed_outputs_is_noticed(tmp_path: Path) -> None:
    sources = {
        "print('SUCCESS')": "SUCCESS\n",
        "print('SUCCESS') # now": "FAILURE\n",
        "import sys; print('careful', file=sys.stderr)": "",
        "1 / 0": "",
    }
    cells = []
    for count, (source, stored) in enumerate(sources.items(), start=1):
        outputs = [new_output("stream", name="stdout", text=stored)] if stored else []
        cells.append(new_code_cell(source, execution_count=count, outputs=outputs))
    version = {"name": "python", "version": ".".join(str(part) for part in sys.version_info[:3])}
    notebook = new_notebook(cells=cells, metadata={"language_info": version})
    nbformat.write(notebook, tmp_path / "a.ipynb")
    assert "3 failed, 1 passed" in nbval(tmp_path / "a.ipynb").stdout


@pytest.mark.parametrize("lesson", LESSONS, ids=own_scope)
def test_a_lesson_opened_alone_shows_what_is_committed(lesson: Lesson) -> None:
    with fresh_cloud(), solved([lesson]) as notebooks:
        begun = time.monotonic()
        done = nbval(*notebooks)
        took = max(SHORT, time.monotonic() - begun)
        assert done.returncode == 0, done.stdout
        told = nbformat.read(NOTEBOOKS / lesson.file, as_version=4).metadata[SECONDS]
        assert took / 3 <= max(SHORT, told) <= took * 3
        assert left_in_the_cloud([lesson]) == ""
