"""Who rewrites a notebook is shown what it shows otherwise: nothing is waved through unseen."""

from __future__ import annotations

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.course.difference import difference


def notebook(**shown: str) -> NotebookNode:
    """A notebook with one cell for each name, which prints the text."""
    return new_notebook(
        cells=[
            new_code_cell(id=name, outputs=[new_output("stream", text=text)])
            for name, text in shown.items()
        ]
    )


def test_a_changed_line_is_shown_with_its_cell() -> None:
    old = notebook(deploy="one\ntwo\nthree\nfour\n", call="200\n")
    new = notebook(deploy="one\ntwo\n3\nfour\n", call="200\n")
    assert difference(old, new).splitlines() == [
        *("cell deploy", "  @@ -2,3 +2,3 @@", "   two", "  -three", "  +3", "   four"),
    ]


def test_the_same_outputs_differ_in_nothing() -> None:
    assert difference(notebook(call="200\n"), notebook(call="200\n")) == ""


def test_cells_that_came_and_went_are_shown() -> None:
    text = difference(notebook(old="gone\n"), notebook(new="here\n"))
    assert "cell old\n  @@ -1 +0,0 @@\n  -gone" in text
    assert "cell new\n  @@ -0,0 +1 @@\n  +here" in text


def test_what_nobody_compares_and_prose_are_left_out() -> None:
    old, new = notebook(log="12:00\n"), notebook(log="12:01\n")
    for each in old, new:
        each.cells[0].metadata["tags"] = ["nbval-ignore-output"]
    new.cells.append(new_markdown_cell("More"))
    assert difference(old, new) == ""


def test_tables_pictures_and_errors_are_compared_too() -> None:
    old, new = notebook(shown=""), notebook(shown="")
    table = {"text/plain": "state  READY", "text/html": "<table>"}
    new.cells[0].outputs = [
        new_output("display_data", data=table),
        new_output("display_data", data={"text/plain": "<Image>", "image/png": "iVBORw0KGgo="}),
        new_output("error", ename="ValueError", evalue="no", traceback=["..."]),
    ]
    assert difference(old, new).splitlines()[2:] == [
        *("  +state  READY", "  +<Image>", "  +<image/png>", "  +ValueError: no"),
    ]
