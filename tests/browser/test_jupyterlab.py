"""JupyterLab for real: what a newcomer does in the first minutes, in a browser."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest

from helpers.course.execution import CLEAN_UP
from helpers.course.generated import ANSWER, CHECK, tags
from helpers.course.surroundings import environment, own_jupyter, scratch_folder
from helpers.exercises import everything
from tests.browser import jupyterlab
from tests.notebooks.executing import NOTEBOOKS, ROOT
from tests.notebooks.lint import IGNORE
from tests.plain import plain_environment

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not jupyterlab.CHROMIUM, reason="chromium is needed: make setup-ci"),
]
LESSON = "00-start-here"


def texts(outputs: list[dict[str, Any]]) -> str:
    """What a cell shows, as text; what was printed in pieces is one."""
    parts = []
    for output in outputs:
        shown = output.get("text") or output.get("data", {}).get("text/plain", "")
        parts.append(shown if isinstance(shown, str) else "".join(shown))
    return "".join(parts)


def test_a_newcomer_runs_all_cells_and_answers_an_exercise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ten minutes that decide whether a newcomer stays."""
    stored = nbformat.read(NOTEBOOKS / f"{LESSON}.ipynb", as_version=4)
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    exercise = next(cell for cell in code if CHECK in tags(cell)).id.removesuffix("-check")
    with (
        plain_environment(),
        scratch_folder("lab-") as scratch,
        environment(own_jupyter(scratch) | {"LOCALCLOUD_HOME": str(scratch / "home")}),
        jupyterlab.reader() as person,
    ):
        began = time.monotonic()
        with jupyterlab.make_lab(scratch) as address:
            person.open(address, f"{LESSON}.ipynb")
            person.run_all()
            person.wait_executed("call-with", seconds=120)
            assert person.page.get_by_text("Jupyter news").count() == 0
            seconds = time.monotonic() - began
            assert "200" in texts(person.cell("call-with")["outputs"])
            person.wait_executed(code[-1].id, seconds=120)
            for cell in code:
                # What hangs on the answers, which are still empty, is not compared.
                now = person.cell(cell.id)["outputs"]
                assert all(output["output_type"] != "error" for output in now), now
                if not {ANSWER, CHECK, CLEAN_UP, IGNORE} & set(tags(cell)):
                    assert texts(now) == texts(cell.outputs)

            person.write(f"{exercise}-answer", everything()[exercise].solution)
            person.run_all()  # The clean-up took what the exercise needs.
            person.wait_executed(code[-1].id, seconds=120)
            assert texts(person.cell(f"{exercise}-check")["outputs"]).startswith("passed")
    with capsys.disabled():
        print(f"\nmake lab to the first 200 of an own service: {seconds:.1f} s")
    unchanged = subprocess.run(["git", "status", "--porcelain", "notebooks"], cwd=ROOT, text=True)
    assert not unchanged.stdout
