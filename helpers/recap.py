"""What the lessons before another one have shown, for whoever comes late to it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import nbformat

COLUMNS = ("lesson", "what there was to see")


def rows(lesson: str | int, notebooks: Path = Path()) -> list[tuple[str, str]]:
    """Return what the lessons to read before ``lesson`` have shown, for a table with `COLUMNS`.

    Args:
        lesson: its number, such as ``4`` or ``"04"``, or its name, such as ``04-auth-tokens``.
        notebooks: the folder of the lessons and of ``course.toml``.

    Raises:
        ValueError: there is no such lesson; the text names the choices.
    """
    course = tomllib.loads((notebooks / "course.toml").read_text(encoding="utf-8"))["lesson"]
    lessons = {entry["file"].removesuffix(".ipynb"): entry for entry in course}
    numbers = {name: name.partition("-")[0] for name in lessons}
    found = [
        name
        for name, number in numbers.items()
        if str(lesson) in (name, number, number.removeprefix("0"))
    ]
    if not found:
        choices = ", ".join(lessons)
        raise ValueError(f"There is no lesson {lesson!r}. Choose one of: {choices}")
    table = []
    for file in lessons[found[0]]["before"]:
        entry = lessons[file.removesuffix(".ipynb")]
        table.append((f"[{entry['title']}]({file})", f"New words: {', '.join(entry['terms'])}."))
        table += [("", point) for point in _seen(notebooks / file)]
    return table


def _seen(notebook: Path) -> list[str]:
    """Return the points of the section "What you saw"."""
    cells = nbformat.read(notebook, as_version=4).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    section = re.search(r"^## What you saw$(.*?)(?=^## |\Z)", prose, re.MULTILINE | re.DOTALL)
    points = re.findall(r"^- (.+)$", section[1], re.MULTILINE) if section else []
    return [re.sub(r"\*+([^*`]+)\*+", r"\1", point) for point in points]
