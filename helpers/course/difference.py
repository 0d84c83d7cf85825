"""What a new execution of a notebook shows otherwise than the one before."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from nbformat import NotebookNode

from helpers.course.generated import tags

IGNORE = "nbval-ignore-output"
"""Tag of the cells whose output differs each time, so that nobody compares it."""


def difference(old: NotebookNode, new: NotebookNode) -> str:
    """Return how the outputs of two executions of a notebook differ, as a unified diff a cell.

    Cells with the tag `IGNORE` are left out. Of what is no text only the type is compared. The
    text is empty if nothing differs.
    """
    before, after = _shown(old), _shown(new)
    parts = []
    for id in {**before, **after}:
        lines = difflib.unified_diff(before.get(id, []), after.get(id, []), lineterm="", n=1)
        if changed := list(lines)[2:]:
            parts.append("\n".join([f"cell {id}", *(f"  {line}" for line in changed)]))
    return "\n".join(parts)


def _shown(notebook: NotebookNode) -> dict[str, list[str]]:
    """The lines that each cell shows, by the cell's id."""
    return {
        cell.id: [line for output in cell.outputs for line in _lines(output)]
        for cell in notebook.cells
        if cell.cell_type == "code" and IGNORE not in tags(cell)
    }


def _lines(output: NotebookNode) -> Iterator[str]:
    if output.output_type == "stream":
        yield from output.text.splitlines()
    elif output.output_type == "error":
        yield f"{output.ename}: {output.evalue}"
    else:
        yield from output.data.get("text/plain", "").splitlines()
        yield from (f"<{kind}>" for kind in output.data if not kind.startswith("text/"))
