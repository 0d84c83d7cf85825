"""The two cells of a lesson that nobody writes: its facts below the title, its links at the end.

Both are Markdown cells with a tag, made from ``course.toml`` and from the notebook itself, and
rewritten by ``make refresh``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from helpers.course.catalogue import Lesson

FACTS = "lesson-facts"
"""Tag of the cell below the title."""

LINKS = "lesson-links"
"""Tag of the last cell."""

EXTRA = "extra"
"""Tag of the cells that can be skipped in a session."""

NEEDS_VPN = "needs-vpn"
"""Tag of the cells that are left out on Google, because they need a VPN there."""

WORDS_A_MINUTE = 180


def tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.metadata.get("tags", []))


def minutes(cells: Iterable[NotebookNode]) -> int:
    """Return how long ``cells`` take: reading at 180 words a minute, one minute a code cell."""
    words = code = 0
    for cell in cells:
        if cell.cell_type == "code":
            code += 1
        elif not {FACTS, LINKS} & set(tags(cell)):
            without_addresses = re.sub(r"\]\([^)]*\)|<[^>]*>", " ", cell.source)
            words += len(without_addresses.split())
    return math.ceil(words / WORDS_A_MINUTE) + code


def facts(lesson: Lesson, lessons: Sequence[Lesson], notebook: NotebookNode) -> str:
    """Return the Markdown of the facts of ``lesson``: time, cost, last execution, what to read."""
    core = minutes(cell for cell in notebook.cells if EXTRA not in tags(cell))
    extra = minutes(cell for cell in notebook.cells if EXTRA in tags(cell))
    time = f"about {core} minutes" + (f" and {extra} for the extra parts" if extra else "")
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


def write_generated_cells(
    lesson: Lesson, lessons: Sequence[Lesson], notebook: NotebookNode
) -> None:
    """Set the text of the two cells in ``notebook``, adding them where they are missing."""
    _set(notebook, FACTS, 1, facts(lesson, lessons, notebook))
    _set(notebook, LINKS, len(notebook.cells), links(lesson, lessons))


def _set(notebook: NotebookNode, tag: str, place: int, text: str) -> None:
    for cell in notebook.cells:
        if tag in tags(cell):
            cell.source = text
            return
    cell = new_markdown_cell(text, id=tag, metadata={"tags": [tag]})
    notebook.cells.insert(place, cell)
