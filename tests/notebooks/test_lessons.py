"""The lessons run, and show what the reader sees in the committed notebooks.

Each alone on a fresh cloud, all in order in one cloud, and with ``cloud="google"`` where another
process set the scene. Outputs are compared where this Python is the one that made them, to the
minor version; elsewhere the cells are only executed.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from helpers.course.catalogue import Lesson, listed, load
from helpers.course.surroundings import environment, fresh_cloud, own_jupyter, scratch_folder

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
LESSONS = listed(NOTEBOOKS)
ON_GOOGLE = [lesson for lesson in LESSONS if lesson.google == "yes"]
LOCALCLOUD = [sys.executable, "-m", "helpers.localcloud"]


@pytest.fixture(autouse=True)
def jupyter(outside_any_cloud: None) -> Iterator[None]:
    with scratch_folder("lessons-") as folder, environment(own_jupyter(folder)):
        yield


def made_by_this_python(notebook: Path) -> bool:
    version = nbformat.read(notebook, as_version=4).metadata.language_info.version
    return version.split(".")[:2] == [str(part) for part in sys.version_info[:2]]


def nbval(*notebooks: Path) -> subprocess.CompletedProcess[str]:
    """Execute ``notebooks`` as they are committed and compare what they show."""
    strict = all(made_by_this_python(notebook) for notebook in notebooks)
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_"))}
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist"),
            *("--nbval" if strict else "--nbval-lax", "--nbval-current-env"),
            *("--nbval-sanitize-with", str(ROOT / "tests/notebooks/sanitize.cfg")),
            *(str(notebook) for notebook in notebooks),
        ],
        cwd=ROOT,
        env=plain,
        capture_output=True,
        text=True,
    )


def left_in_the_cloud(lessons: Sequence[Lesson]) -> str:
    """Return the names of the resources that the lessons left, one a line."""
    parameters = [papermill.inspect_notebook(str(NOTEBOOKS / lesson.file)) for lesson in lessons]
    regions = {ast.literal_eval(known["region"]["default"]) for known in parameters}
    projects = {ast.literal_eval(known["project"]["default"]) for known in parameters}
    assert len(projects) == 1
    script = str(ROOT / "tests/notebooks/left.py")
    done = subprocess.run(
        [*LOCALCLOUD, "exec", "--", sys.executable, script, *projects, *sorted(regions)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


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


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_lesson_opened_alone_shows_what_is_committed(lesson: Lesson) -> None:
    with fresh_cloud():
        done = nbval(NOTEBOOKS / lesson.file)
        assert done.returncode == 0, done.stdout
        assert left_in_the_cloud([lesson]) == ""


def test_all_lessons_in_order_in_one_cloud_show_what_is_committed_and_leave_nothing() -> None:
    with fresh_cloud():
        done = nbval(*(NOTEBOOKS / lesson.file for lesson in LESSONS))
        assert done.returncode == 0, done.stdout
        assert left_in_the_cloud(LESSONS) == ""


@pytest.fixture
def as_on_google() -> dict[str, str]:
    """The variables under which no lesson can import the local cloud, only reach it."""
    return {
        "PYTHONPATH": str(ROOT / "tests/notebooks/blocker"),
        "LOCALCLOUD_STANDS_IN": "1",
        "CONFIRM": "1",
    }


def test_the_local_cloud_can_not_be_imported_where_google_is_stood_in_for(
    as_on_google: dict[str, str],
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import helpers, helpers.localcloud.home"],
        env={**os.environ, **as_on_google},
        capture_output=True,
        text=True,
    )
    assert "helpers.localcloud is blocked" in done.stderr


@pytest.mark.parametrize("lesson", ON_GOOGLE, ids=lambda lesson: lesson.name)
def test_a_lesson_runs_with_cloud_google_on_what_surrounds_it(
    lesson: Lesson, as_on_google: dict[str, str], tmp_path: Path
) -> None:
    """Credentials, proxy and certificates come from outside; the project has no default."""
    variables = [f"{name}={value}" for name, value in as_on_google.items()]
    course = [sys.executable, "-m", "helpers.course", "run", "--build", str(tmp_path)]
    parameters = ["-p", "cloud", "google", "-p", "project", "hands-on"]
    with fresh_cloud():
        done = subprocess.run(
            [*LOCALCLOUD, "exec", "--", "env", *variables, *course, *parameters, lesson.name],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert left_in_the_cloud([lesson]) == ""
