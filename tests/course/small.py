"""Small notebooks and courses to run the runner on."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
PARAMETERS = 'cloud = "local"\nproject = "hands-on"\nretries = 3'


def code(source: str, *tags: str) -> NotebookNode:
    return new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def write_notebook(path: Path, *cells: NotebookNode) -> Path:
    """Write a notebook with a title, a parameters cell and ``cells``."""
    head = [new_markdown_cell(f"# {path.stem}"), code(PARAMETERS, "parameters")]
    nbformat.write(new_notebook(cells=[*head, *cells], metadata=KERNEL), path)
    return path


def write_course(folder: Path, **lessons: list[NotebookNode]) -> Path:
    """Write a course of ``lessons``; a name such as ``a_local_only`` gives the lesson's class."""
    folder.mkdir(exist_ok=True)
    entries = []
    for number, (name, cells) in enumerate(lessons.items()):
        short, _, google = name.partition("_")
        file = f"{number:02}-{short}.ipynb"
        write_notebook(folder / file, *cells)
        entries.append(
            f'[[lesson]]\nfile = "{file}"\ntitle = "{short}"\n'
            f'google = "{google.replace("_", "-") or "yes"}"\n'
            'executed = "never"\ncost = "Nothing."\nbefore = []\nterms = []\n'
        )
    (folder / "course.toml").write_text("\n".join(entries))
    return folder


def printed(path: Path) -> str:
    """Return what the code cells of an executed notebook printed."""
    notebook = nbformat.read(path, as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")
