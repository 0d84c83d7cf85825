"""Running the whole course, and rewriting its notebooks."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from helpers.course.catalogue import CourseError, Lesson, load, track
from helpers.course.difference import difference
from helpers.course.execution import (
    LessonFailed,
    as_html,
    cloud_of,
    execute,
    resolve,
    unanswered,
    without_traces,
)
from helpers.course.generated import EXTRA, NEEDS_VPN, SECONDS, write_generated_cells
from helpers.course.side_by_side import executed, shares
from helpers.course.surroundings import environment, fresh_cloud, own_jupyter, scratch_folder

Say = Callable[[str], None]

LEAST_SECONDS = 5
"""What a lesson says of the time that its cells take, if that is no longer."""


def run(
    notebooks: Path,
    build: Path,
    only: Sequence[str],
    given: Mapping[str, str],
    say: Say,
    track_name: str = "",
    at_once: int = 1,
) -> None:
    """Execute the lessons in order, and stop at the first that fails.

    They share one cloud, as a reader's do. With ``at_once`` they are shared out to as many
    processes, each with a cloud of its own, because a cloud has one clock. ``build`` receives for
    each lesson the executed notebook and a page of HTML, and ``run.json`` with the seconds that
    everything took. With the parameter ``cloud=google`` no local cloud is started, only the lessons
    classed ``yes`` are executed, one at a time because each deletes what carries your label, and of
    them no cell that needs a VPN there. Of a track no cell is executed that can be skipped in a
    session.

    Args:
        notebooks: the folder of the course.
        build: the folder to write to; it is made if it is missing.
        only: names of lessons, such as ``01-cloud-build``; empty for all.
        given: values for the parameters that every executed lesson has.
        say: called with each line to show.
        track_name: the track whose lessons are executed; empty for all.
        at_once: how many lessons are executed at a time.

    Raises:
        CourseError: the course, a name or a parameter is wrong; nothing was executed.
        LessonFailed: a cell failed; the text shows it.
    """
    lessons = load(notebooks)
    if track_name:
        lessons = track(notebooks, track_name).lessons
    lessons = select(lessons, only)
    on_google = given.get("cloud") == "google"
    if on_google:
        for lesson in lessons:
            if lesson.google != "yes":
                say(f"{lesson.name} is left out: not the same cells on Google ({lesson.google})")
        lessons = tuple(lesson for lesson in lessons if lesson.google == "yes")
    parameters = {lesson.name: resolve(notebooks / lesson.file, given) for lesson in lessons}
    build.mkdir(parents=True, exist_ok=True)
    names = [lesson.name for lesson in lessons]
    seconds: dict[str, float] = {}
    started = time.monotonic()
    if at_once > 1 and len(lessons) > 1 and not on_google:
        command = [
            *(sys.executable, "-m", "helpers.course", "run", "--at-once", "1"),
            *("--notebooks", str(notebooks), "--build", str(build), "--track", track_name),
            *(word for name, value in given.items() for word in ("-p", name, value)),
        ]
        expected = {name: _expected(notebooks / f"{name}.ipynb") for name in names}
        for name, seconds[name] in executed(command, shares(expected, at_once)):
            say(f"{name:<32} {seconds[name]:6.1f} s")
    else:
        left_out = [NEEDS_VPN] * on_google + [EXTRA] * bool(track_name)
        with (
            scratch_folder("course-") as scratch,
            environment(own_jupyter(scratch)),
            nullcontext() if on_google else fresh_cloud(),
        ):
            for lesson in lessons:
                begun = time.monotonic()
                output = build / lesson.file
                try:
                    execute(notebooks / lesson.file, output, parameters[lesson.name], left_out)
                except LessonFailed:
                    say(f"{lesson.name:<32} failed after {time.monotonic() - begun:.1f} s")
                    raise
                page = as_html(nbformat.read(output, as_version=4), lesson.title)
                output.with_suffix(".html").write_text(page, encoding="utf-8")
                seconds[lesson.name] = round(time.monotonic() - begun, 2)
                say(f"{lesson.name:<32} {seconds[lesson.name]:6.1f} s")
    total = round(time.monotonic() - started, 2)
    (build / "run.json").write_text(
        json.dumps({"seconds": total, "lessons": {name: seconds[name] for name in names}}, indent=2)
        + "\n",
        encoding="utf-8",
    )
    say(f"{'all lessons':<32} {total:6.1f} s   to read: {build}/*.html")


def refresh(notebooks: Path, only: Sequence[str], say: Say) -> None:
    """Execute each lesson on a fresh cloud and rewrite its notebook in place.

    The rewritten notebook has execution counts, new outputs and new generated cells, about how many
    seconds its cells ran, no time stamps and no answers to its exercises. What it shows otherwise
    than before is told first. A lesson that fails is left as it was.

    Args:
        notebooks: the folder of the course.
        only: names of lessons; empty for all.
        say: called with each line to show.

    Raises:
        CourseError: the course or a name is wrong.
        LessonFailed: a cell failed; the text shows it.
    """
    lessons = load(notebooks)
    for lesson in select(lessons, only):
        begun = time.monotonic()
        path = notebooks / lesson.file
        executed = executed_again(path)
        notebook = without_traces(executed)
        notebook.metadata[SECONDS] = roughly(executed.metadata.papermill.duration)
        unanswered(notebook, nbformat.read(path, as_version=4))
        write_generated_cells(lesson, lessons, notebook)
        rewrite(path, notebook, say)
        say(f"{lesson.name:<32} {time.monotonic() - begun:6.1f} s")


def executed_again(path: Path) -> NotebookNode:
    """Return the notebook ``path`` executed, on a fresh local cloud unless it says otherwise.

    Raises:
        LessonFailed: a cell failed; the text shows it.
    """
    with surrounded(path, {}) as scratch:
        execute(path, scratch / path.name, {})
        return nbformat.read(scratch / path.name, as_version=4)


@contextmanager
def surrounded(path: Path, parameters: Mapping[str, Any]) -> Iterator[Path]:
    """A scratch folder, and a fresh local cloud unless a notebook's parameters choose another."""
    chosen = parameters.get("cloud", cloud_of(path))
    with (
        scratch_folder("course-") as scratch,
        environment(own_jupyter(scratch)),
        nullcontext() if chosen == "google" else fresh_cloud(),
    ):
        yield scratch


def rewrite(path: Path, notebook: NotebookNode, say: Say) -> None:
    """Write ``notebook`` in the place of ``path``; before, tell what it shows otherwise."""
    if changed := difference(nbformat.read(path, as_version=4), notebook):
        say(changed)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def roughly(seconds: float) -> int:
    """Return ``seconds`` as a multiple of five, so that a quicker machine seldom changes it."""
    return max(LEAST_SECONDS, 5 * round(seconds / 5))


def _expected(notebook: Path) -> float:
    """Return how many seconds the committed ``notebook`` says that its cells take."""
    metadata = json.loads(notebook.read_text(encoding="utf-8"))["metadata"]
    return float(metadata.get(SECONDS, LEAST_SECONDS))


def select(lessons: Sequence[Lesson], only: Sequence[str]) -> tuple[Lesson, ...]:
    """Return those of ``lessons`` that ``only`` names, in reading order; all if it names none.

    Raises:
        CourseError: there is no lesson of a given name.
    """
    names = [lesson.name for lesson in lessons]
    for name in only:
        if name not in names:
            raise CourseError(f"there is no lesson {name!r}; the lessons are: {', '.join(names)}")
    return tuple(lesson for lesson in lessons if lesson.name in only or not only)
