"""The committed notebooks follow the rules, and each rule sees what it is for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.course.catalogue import Lesson, listed
from helpers.course.generated import write_generated_cells
from tests.notebooks.lint import complaints

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSON = Lesson("00-a.ipynb", "Say hello", "yes", "never", "Nothing.", (), ("service",))
Change = Callable[[NotebookNode], None]


def code(source: str, *tags: str) -> NotebookNode:
    return new_code_cell(source, metadata={"tags": list(tags)})


def good() -> NotebookNode:
    """Return a notebook that nothing is wrong with."""
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# Say hello\n\nA **service** answers."),
            code('cloud = "local"', "parameters"),
            code("lab.enter(cloud)"),
            code("show()"),
            code("lab.clean_up()", "clean-up"),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    for count, cell in enumerate(notebook.cells[1:], start=1):
        cell.execution_count = count
    write_generated_cells(LESSON, [LESSON], notebook)
    return notebook


SHOW = 4  # The cell that the changes below are made to.


def prints(text: str, name: str = "stdout") -> Change:
    return lambda n: n.cells[SHOW].outputs.append(new_output("stream", name=name, text=text))


def displays(data: dict[str, str]) -> Change:
    return lambda n: n.cells[SHOW].outputs.append(new_output("display_data", data))


def says(source: str) -> Change:
    return lambda n: n.cells[SHOW].update(source=source)


def tells(markdown: str) -> Change:
    cell = new_markdown_cell(markdown, metadata={"tags": ["core"]})
    return lambda n: n.cells.insert(SHOW, cell)


def tagged(*tags: str) -> Change:
    return lambda n: n.cells[SHOW].metadata.update(tags=["core", *tags])


def without_counts(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = None


def failed(notebook: NotebookNode) -> None:
    error = new_output("error", ename="ValueError", evalue="no", traceback=[])
    notebook.cells[SHOW].outputs.append(error)


def unsolved(notebook: NotebookNode) -> None:
    tagged("answer")(notebook)
    notebook.cells[SHOW].id = "keep_secret_out-answer"
    write_generated_cells(LESSON, [LESSON], notebook)


def test_a_good_notebook_has_no_complaints(tmp_path: Path) -> None:
    assert found(tmp_path, lambda notebook: None) == []


def found(tmp_path: Path, change: Change) -> list[str]:
    notebook = good()
    change(notebook)
    nbformat.write(notebook, tmp_path / LESSON.file)
    return complaints(tmp_path / LESSON.file, LESSON, [LESSON])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (without_counts, "execution counts"),
        (lambda n: n.cells[SHOW].update(execution_count=7), "execution counts"),
        (lambda n: n.cells[0].update(source="# Say goodbye\n\n**service**"), "does not open with"),
        (lambda n: n.cells[0].update(source="# Say hello\n\nservice"), "the term 'service'"),
        (lambda n: n.cells[0].update(source=n.cells[0].source + " more" * 180), "out of date"),
        (lambda n: n.cells.pop(), "out of date"),
        (lambda n: n.metadata.kernelspec.update(name="mine"), "its kernel is not python3"),
        (lambda n: n.cells[2].metadata.update(tags=[]), "the tag parameters"),
        (tagged("parameters"), "the tag parameters"),
        (lambda n: n.cells[3].update(source="1"), "must enter the cloud"),
        (
            lambda n: n.cells[5].metadata.update(tags=[]),
            "last code cell must have the tag clean-up",
        ),
        (lambda n: n.cells[2].update(source="region = default()"), "literal values"),
        (lambda n: n.cells[2].update(source="a = 1\nb = f'{a}'"), "literal values"),
        (lambda n: n.cells[2].update(source="import os"), "literal values"),
        (tagged("nbval-ignore-ouput"), "the tag 'nbval-ignore-ouput' means nothing"),
        (tagged("extra"), "core or extra"),
        (lambda n: n.cells[SHOW].metadata.update(tags=[]), "core or extra"),
        (unsolved, "an answer shows nothing"),
        (tagged("nbval-skip"), "go together"),
        (tagged("skip-execution"), "go together"),
        (says("# NBVAL_IGNORE_OUTPUT: changes"), "reads tags here, not comments"),
        (says("!curl example.com"), "shell command"),
        (says("answer = !curl example.com"), "shell command"),
        (says("%%bash\ncurl example.com"), "shell command"),
        (says("%sx curl example.com"), "shell command"),
        (failed, "it failed"),
        (prints("careful", name="stderr"), "wrote to stderr"),
        (displays({"image/svg+xml": "<svg/>"}), "use PNG"),
        (prints("/root/clone/notebooks"), "path of the machine"),
        (prints("x" * 500_001), "more than 500 kB"),
        (prints("sha256:0123456789abcdef"), "a digest"),
        (prints("a" * 40), "a digest"),
        (prints("2026-11-24T10:09:33Z"), "a time"),
        (prints("built at 10:09:33"), "a time"),
        (prints("the archive has 12.5 kB"), "a size"),
        (prints("3 MiB"), "a size"),
        (prints("0.8 s"), "a duration"),
        (prints("took 1.2 seconds"), "a duration"),
        (prints("1m32s"), "a duration"),
        (prints("http://127.0.0.1:45123/"), "a port"),
        (displays({"text/plain": "", "text/html": "<b>0.8</b> s"}), "a duration"),
        (displays({"text/plain": "took 0.8 s"}), "a duration"),
        (tells("```\n$ gcloud version\n```"), "neither in a ```console block"),
        (tells("```bash\n$ gcloud version\n```"), "neither in a ```console block"),
        (tells("    $ gcloud version"), "neither in a ```console block"),
        (tells("```console\ngcloud version\n```"), "begins with a command"),
        (tells("```console\n$ gcloud version\n...\n```"), "shows nothing of its output"),
    ],
)
def test_a_rule_sees_what_it_is_for(tmp_path: Path, change: Change, complaint: str) -> None:
    texts = found(tmp_path, change)
    assert any(complaint in text for text in texts), texts


@pytest.mark.parametrize(
    "text",
    [
        "timeoutSeconds: 300s",
        "memory 512Mi",
        "port 8080",
        "revision 00001-abc",
        "python:3.11-slim",
        "Please try again in 30 seconds.",
    ],
)
def test_settings_may_be_compared(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, prints(text)) == []


def test_what_changes_may_be_shown_where_it_is_not_compared(tmp_path: Path) -> None:
    def change(notebook: NotebookNode) -> None:
        prints("0.8 s, sha256:0123456789abcdef")(notebook)
        tagged("nbval-ignore-output")(notebook)

    assert found(tmp_path, change) == []


def test_a_command_may_be_run_classed_or_quoted(tmp_path: Path) -> None:
    run = "```console\n$ gcloud version\nGoogle Cloud SDK ...\n```\n"
    not_run = "<!-- not run: it opens a browser -->\n```console\n$ gcloud auth login\n```\n"
    quoted = "> ```\n> $ gcloud auth login\n> ```\n"
    assert found(tmp_path, tells(f"{run}\n{not_run}\n{quoted}")) == []


LESSONS = listed(NOTEBOOKS)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_committed_notebook_follows_the_rules(lesson: Lesson) -> None:
    assert complaints(NOTEBOOKS / lesson.file, lesson, LESSONS) == []
