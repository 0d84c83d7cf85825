"""The facts and links that a lesson shows are those of the course."""

from __future__ import annotations

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.course.catalogue import Lesson
from helpers.course.generated import minutes, write_generated_cells


def lesson(file: str, title: str, before: tuple[str, ...] = ()) -> Lesson:
    return Lesson(file, title, "yes", "2026-11-01", "A few requests.", before, ())


LESSONS = (
    lesson("00-a.ipynb", "Say hello"),
    lesson("01-b.ipynb", "Build it", ("00-a.ipynb",)),
    lesson("02-c.ipynb", "Ship it"),
)


def notebook() -> NotebookNode:
    cells = [new_markdown_cell("# Build it"), new_code_cell("1"), new_markdown_cell("## End")]
    return new_notebook(cells=cells)


def test_a_reader_is_told_time_cost_last_execution_and_what_to_read_before() -> None:
    written = notebook()
    write_generated_cells(LESSONS[1], LESSONS, written)
    assert written.cells[1].source.split("  \n") == [
        "**Time:** about 2 minutes.",
        "**Cost on Google Cloud:** A few requests.",
        "**Last executed on Google Cloud:** 2026-11-01.",
        "**Read before:** [Say hello](00-a.ipynb).",
    ]


def test_a_reader_finds_the_lessons_before_and_after() -> None:
    ends = []
    for one in LESSONS:
        written = notebook()
        write_generated_cells(one, LESSONS, written)
        ends.append(written.cells[-1].source)
    assert ends == [
        "Next: [Build it](01-b.ipynb)",
        "Previous: [Say hello](00-a.ipynb) · Next: [Ship it](02-c.ipynb)",
        "Previous: [Build it](01-b.ipynb)",
    ]


def test_writing_again_changes_nothing() -> None:
    written = notebook()
    write_generated_cells(LESSONS[1], LESSONS, written)
    once = [cell.source for cell in written.cells]
    write_generated_cells(LESSONS[1], LESSONS, written)
    assert [cell.source for cell in written.cells] == once


def test_what_is_extra_is_counted_apart() -> None:
    written = notebook()
    written.cells.append(new_code_cell("2", metadata={"tags": ["extra"]}))
    write_generated_cells(LESSONS[1], LESSONS, written)
    assert written.cells[1].source.startswith(
        "**Time:** about 2 minutes and 1 for the extra parts.  \n"
    )


def test_reading_takes_a_minute_for_180_words_and_addresses_are_not_read() -> None:
    prose = new_markdown_cell(" ".join(["word"] * 179) + " [word](https://example.com/a%20b c)")
    assert minutes([prose]) == 1
    assert minutes([prose, new_markdown_cell("more")]) == 2
    assert minutes([prose, new_code_cell("1")]) == 2
