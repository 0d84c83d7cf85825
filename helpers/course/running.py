"""Running the whole course, and rewriting its notebooks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from helpers.course.catalogue import CourseError, Lesson, load
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
from helpers.course.generated import write_generated_cells
from helpers.course.surroundings import environment, fresh_cloud, own_jupyter, scratch_folder

Say = Callable[[str], None]


def run(
    notebooks: Path, build: Path, only: Sequence[str], given: Mapping[str, str], say: Say
) -> None:
    """Execute the lessons in order in one cloud, and stop at the first that fails.

    ``build`` receives for each lesson the executed notebook and a page of HTML, and ``run.json``
    with the seconds that everything took. With the parameter ``cloud=google`` no local cloud is
    started, and only the lessons classed ``yes`` are executed.

    Args:
        notebooks: the folder of the course.
        build: the folder to write to; it is made if it is missing.
        only: names of lessons, such as ``01-cloud-build``; empty for all.
        given: values for the parameters that every executed lesson has.
        say: called with each line to show.

    Raises:
        CourseError: the course, a name or a parameter is wrong; nothing was executed.
        LessonFailed: a cell failed; the text shows it.
    """
    lessons = select(load(notebooks), only)
    on_google = given.get("cloud") == "google"
    if on_google:
        for lesson in lessons:
            if lesson.google != "yes":
                say(f"{lesson.name} is left out: not the same cells on Google ({lesson.google})")
        lessons = tuple(lesson for lesson in lessons if lesson.google == "yes")
    parameters = {lesson.name: resolve(notebooks / lesson.file, given) for lesson in lessons}
    build.mkdir(parents=True, exist_ok=True)
    seconds: dict[str, float] = {}
    started = time.monotonic()
    with (
        scratch_folder("course-") as scratch,
        environment(own_jupyter(scratch)),
        nullcontext() if on_google else fresh_cloud(),
    ):
        for lesson in lessons:
            begun = time.monotonic()
            output = build / lesson.file
            try:
                execute(notebooks / lesson.file, output, parameters[lesson.name])
            except LessonFailed:
                say(f"{lesson.name:<32} failed after {time.monotonic() - begun:.1f} s")
                raise
            page = as_html(nbformat.read(output, as_version=4), lesson.title)
            output.with_suffix(".html").write_text(page, encoding="utf-8")
            seconds[lesson.name] = round(time.monotonic() - begun, 2)
            say(f"{lesson.name:<32} {seconds[lesson.name]:6.1f} s")
    total = round(time.monotonic() - started, 2)
    (build / "run.json").write_text(
        json.dumps({"seconds": total, "lessons": seconds}, indent=2) + "\n", encoding="utf-8"
    )
    say(f"{'all lessons':<32} {total:6.1f} s   to read: {build}/*.html")


def refresh(notebooks: Path, only: Sequence[str], say: Say) -> None:
    """Execute each lesson on a fresh cloud and rewrite its notebook in place.

    The rewritten notebook has execution counts, new outputs and new generated cells, no time stamps
    and no answers to its exercises. What it shows otherwise than before is told first. A lesson
    that fails is left as it was.

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
        before = nbformat.read(path, as_version=4)
        notebook = executed_again(path)
        unanswered(notebook, before)
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
        return without_traces(nbformat.read(scratch / path.name, as_version=4))


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
