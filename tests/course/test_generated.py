"""The facts and links that a lesson shows are those of the course."""

from __future__ import annotations

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.course.catalogue import CourseError, Lesson
from helpers.course.generated import minutes, tags, write_generated_cells
from helpers.exercises import everything


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


def test_a_reader_is_told_how_long_the_cells_take_by_themselves() -> None:
    written = notebook()
    written.metadata["seconds"] = 15
    write_generated_cells(LESSONS[1], LESSONS, written)
    assert written.cells[1].source.startswith(
        "**Time:** about 2 minutes. On a local cloud the cells by themselves run in about 15 s.  \n"
    )


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


def exercised(*tags: str) -> NotebookNode:
    answer = new_code_cell("# Yours", id="keep_secret_out-answer", metadata={"tags": ["answer"]})
    check = new_code_cell(
        "check()", id="keep_secret_out-check", metadata={"tags": [*tags, "check"]}
    )
    return new_notebook(cells=[new_markdown_cell("# Build it"), answer, check])


def test_hints_and_solution_stand_below_the_check() -> None:
    """Who reads on GitHub can't ask for a hint."""
    written = exercised("extra")
    write_generated_cells(LESSONS[0], LESSONS, written)
    write_generated_cells(LESSONS[0], LESSONS, written)
    assert [cell.id for cell in written.cells[2:5]] == [
        *("keep_secret_out-answer", "keep_secret_out-check", "keep_secret_out-help")
    ]
    texts = everything()["keep_secret_out"]
    assert all(hint in written.cells[4].source for hint in texts.hints)
    assert f"```python\n{texts.solution}\n```" in written.cells[4].source
    assert tags(written.cells[4]) == ["extra", "exercise-help"]


def test_an_exercise_takes_the_minutes_that_it_declares() -> None:
    assert minutes(exercised().cells[1:]) == everything()["keep_secret_out"].minutes


def test_an_exercise_without_texts_is_refused() -> None:
    written = exercised()
    written.cells[2].id = "fly-check"
    with pytest.raises(CourseError, match="'fly-check' is of no exercise"):
        write_generated_cells(LESSONS[0], LESSONS, written)


def test_what_can_not_be_skipped_is_core() -> None:
    """A session leaves out what is tagged extra; a tool may pick what is tagged core."""
    written = notebook()
    written.cells[1].metadata["tags"] = ["extra", "core"]
    write_generated_cells(LESSONS[1], LESSONS, written)
    assert [tags(cell)[0] for cell in written.cells] == ["core", "core", "extra", "core", "core"]
