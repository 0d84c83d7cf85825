"""Executing the committed lessons as they are, and looking at what they leave."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nbformat
import papermill

from helpers.course.catalogue import Lesson, listed
from helpers.course.execution import answered
from helpers.course.surroundings import scratch_folder

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
LESSONS = listed(NOTEBOOKS)
LOCALCLOUD = [sys.executable, "-m", "helpers.localcloud"]


def own_scope(lesson: Lesson) -> str:
    """An id that makes a lesson's test a scope of its own, to be shared out by ``loadscope``."""
    return f"{lesson.name}::"


def made_by_this_python(notebook: Path) -> bool:
    version = nbformat.read(notebook, as_version=4).metadata.language_info.version
    return version.split(".")[:2] == [str(part) for part in sys.version_info[:2]]


@contextmanager
def solved(lessons: Sequence[Lesson]) -> Iterator[list[Path]]:
    """The committed notebooks of ``lessons`` with their exercises solved, beside their apps."""
    with scratch_folder("solved-") as scratch:
        folder = scratch / "notebooks"
        shutil.copytree(NOTEBOOKS, folder)
        for lesson in lessons:
            notebook = answered(nbformat.read(NOTEBOOKS / lesson.file, as_version=4))
            nbformat.write(notebook, folder / lesson.file)
        yield [folder / lesson.file for lesson in lessons]


def nbval(*notebooks: Path) -> subprocess.CompletedProcess[str]:
    """Execute ``notebooks`` as they are committed and compare what they show."""
    strict = all(made_by_this_python(notebook) for notebook in notebooks)
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_"))}
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--color=no", "-p", "no:cacheprovider"),
            *("-p", "no:xdist"),
            *("--nbval" if strict else "--nbval-lax", "--nbval-current-env"),
            *("--nbval-sanitize-with", str(ROOT / "tests/notebooks/sanitize.cfg")),
            *(str(notebook) for notebook in notebooks),
        ],
        cwd=ROOT,
        env=plain,
        capture_output=True,
        text=True,
    )


def left_in_the_cloud(lessons: Sequence[Lesson], whoever_made_it: bool = False) -> str:
    """Return the names of the resources that the lessons left, one a line.

    With ``whoever_made_it`` those are listed too that lack the label of the lessons.
    """
    parameters = [papermill.inspect_notebook(str(NOTEBOOKS / lesson.file)) for lesson in lessons]
    regions = {ast.literal_eval(known["region"]["default"]) for known in parameters}
    projects = {ast.literal_eval(known["project"]["default"]) for known in parameters}
    assert len(projects) == 1
    script = str(ROOT / "tests/notebooks/left.py")
    what = ["--all"] if whoever_made_it else []
    done = subprocess.run(
        [*LOCALCLOUD, "exec", "--", sys.executable, script, *what, *projects, *sorted(regions)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
