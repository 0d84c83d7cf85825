"""The cells of a lesson that nobody writes: its facts, its links, and the help of its exercises.

They are Markdown cells with a tag, made from ``course.toml``, the exercises' texts and the notebook
itself, and rewritten by ``make refresh``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from helpers.course.catalogue import CourseError, Lesson
from helpers.exercises import Exercise, everything

FACTS = "lesson-facts"
"""Tag of the cell below the title."""

LINKS = "lesson-links"
"""Tag of the last cell."""

HELP = "exercise-help"
"""Tag of the cell with the hints and the solution of an exercise, below its check."""

ANSWER = "answer"
"""Tag of the cell in which the reader solves an exercise; its id is ``NAME-answer``."""

CHECK = "check"
"""Tag of the cell that checks an exercise; its id is ``NAME-check``."""

EXTRA = "extra"
"""Tag of the cells that can be skipped in a session."""

CORE = "core"
"""Tag of all other cells."""

NEEDS_VPN = "needs-vpn"
"""Tag of the cells that are left out on Google, because they need a VPN there."""

SECONDS = "seconds"
"""Entry of a notebook's metadata: about how long its cells ran when they were last rewritten."""

WORDS_A_MINUTE = 180


def tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.metadata.get("tags", []))


def anchor(heading: str) -> str:
    """Return what a link to a heading of a notebook ends in, in JupyterLab and on GitHub."""
    return heading.strip().replace(" ", "-")


def exercise(cell: NotebookNode) -> Exercise:
    """Return the exercise that a cell with the tag `ANSWER` or `CHECK` belongs to.

    Raises:
        CourseError: the cell's id names none.
    """
    name = str(cell.id).rpartition("-")[0]
    if name not in everything():
        raise CourseError(f"the cell {cell.id!r} is of no exercise in helpers/exercises")
    return everything()[name]


def minutes(cells: Iterable[NotebookNode]) -> int:
    """Return how long ``cells`` take.

    Reading at 180 words a minute, one minute a code cell, and what the exercises declare.
    """
    words = code = 0
    for cell in cells:
        if ANSWER in tags(cell):
            code += exercise(cell).minutes
        elif cell.cell_type == "code":
            code += CHECK not in tags(cell)
        elif not {FACTS, LINKS, HELP} & set(tags(cell)):
            without_addresses = re.sub(r"\]\([^)]*\)|<[^>]*>", " ", cell.source)
            words += len(without_addresses.split())
    return math.ceil(words / WORDS_A_MINUTE) + code


def core_and_extra(cells: Sequence[NotebookNode]) -> tuple[int, int]:
    """Return the `minutes` of the cells that a session does, and of those that it leaves out."""
    return (
        minutes(cell for cell in cells if EXTRA not in tags(cell)),
        minutes(cell for cell in cells if EXTRA in tags(cell)),
    )


def facts(lesson: Lesson, lessons: Sequence[Lesson], notebook: NotebookNode) -> str:
    """Return the Markdown of the facts of ``lesson``: time, cost, last execution, what to read."""
    core, extra = core_and_extra(notebook.cells)
    time = f"about {core} minutes" + (f" and {extra} for the extra parts" if extra else "")
    if seconds := notebook.metadata.get(SECONDS):
        time += f". On a local cloud the cells by themselves run in about {seconds} s"
    titles = {other.file: other.title for other in lessons}
    before = ", ".join(f"[{titles[file]}]({file})" for file in lesson.before) or "nothing"
    return "  \n".join(
        (
            f"**Time:** {time}.",
            f"**Cost on Google Cloud:** {lesson.cost}",
            f"**Last executed on Google Cloud:** {lesson.executed}.",
            f"**Read before:** {before}.",
        )
    )


def links(lesson: Lesson, lessons: Sequence[Lesson]) -> str:
    """Return the Markdown that leads to the lessons before and after ``lesson``."""
    place = lessons.index(lesson)
    parts = []
    if place > 0:
        earlier = lessons[place - 1]
        parts.append(f"Previous: [{earlier.title}]({earlier.file})")
    if place < len(lessons) - 1:
        later = lessons[place + 1]
        parts.append(f"Next: [{later.title}]({later.file})")
    return " · ".join(parts) or "This is the only lesson so far."


def help_of(exercise: Exercise) -> str:
    """Return the Markdown of the hints and the solution of an exercise, both folded up."""
    hints = "\n".join(f"{number}. {hint}" for number, hint in enumerate(exercise.hints, start=1))
    return (
        f"<details>\n<summary>Hints</summary>\n\n{hints}\n\n</details>\n"
        f"<details>\n<summary>A solution</summary>\n\n```python\n{exercise.solution}\n```\n\n"
        "</details>"
    )


def write_generated_cells(
    lesson: Lesson, lessons: Sequence[Lesson], notebook: NotebookNode
) -> None:
    """Set the text of the generated cells in ``notebook``, adding them where they are missing.

    Each cell that can't be skipped in a session gets the tag `CORE`.

    Raises:
        CourseError: there are no texts for an exercise.
    """
    for place, cell in reversed(list(enumerate(notebook.cells))):
        if CHECK in tags(cell):
            given = exercise(cell)
            _set(notebook, HELP, place + 1, help_of(given), f"{given.name}-help", tags(cell))
    _set(notebook, FACTS, 1, facts(lesson, lessons, notebook), FACTS)
    _set(notebook, LINKS, len(notebook.cells), links(lesson, lessons), LINKS)
    for cell in notebook.cells:
        others = [tag for tag in tags(cell) if tag != CORE]
        cell.metadata["tags"] = others if EXTRA in others else [CORE, *others]


def _set(
    notebook: NotebookNode, tag: str, place: int, text: str, id: str, like: Sequence[str] = ()
) -> None:
    for cell in notebook.cells:
        if cell.id == id:
            cell.source = text
            return
    also = [EXTRA] if EXTRA in like else []
    cell = new_markdown_cell(text, id=id, metadata={"tags": [*also, tag]})
    notebook.cells.insert(place, cell)
