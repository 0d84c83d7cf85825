"""What a committed notebook must be like, whatever it teaches.

How it is kept is looked at here: kernel, counts, tags, outputs. What it says is in `content`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from helpers.course.catalogue import Lesson
from helpers.course.execution import CLEAN_UP, KERNEL
from helpers.course.generated import (
    ANSWER,
    CHECK,
    CORE,
    EXTRA,
    FACTS,
    HELP,
    LINKS,
    NEEDS_VPN,
    SECONDS,
    tags,
    write_generated_cells,
)
from tests.notebooks import content
from tests.notebooks.console import blocks, commands_outside

IGNORE = "nbval-ignore-output"
KNOWN_TAGS = {
    "parameters",
    ANSWER,
    CHECK,
    CLEAN_UP,
    CORE,
    EXTRA,
    FACTS,
    HELP,
    LINKS,
    NEEDS_VPN,
    IGNORE,
    "nbval-skip",
    "skip-execution",
    "raises-exception",
}
MOST_BYTES = 500_000

CHANGING = {
    "a digest": r"sha256:[0-9a-f]{7,}|\b(?:[0-9a-f]{40}|[0-9a-f]{64})\b",
    "a time": r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\b\d\d:\d\d(?::\d\d)?\b",
    "a size": r"\b\d+(?:\.\d+)? ?(?:bytes|[kKMG]i?B)\b",
    "a duration": r"\b\d+\.\d+ ?(?:ms|s|min|seconds|minutes)\b|\b\d+ (?:ms|s)\b|\b\d+m\d+s\b",
    "a port": r"\b(?:127\.0\.0\.1|localhost):\d{4,5}\b",
}
"""What differs from one execution to the next. A setting (``300s``) and a message
("in 30 seconds") are none of it."""

OF_THIS_MACHINE = r"/root/|/home/\w|/Users/\w|/tmp/\w"
SHELL = re.compile(
    r"get_ipython\(\)\.(system|getoutput|run_cell_magic\('(bash|sh|script)|run_line_magic\('(sx|sc|system))"
)


def complaints(path: Path, lesson: Lesson, lessons: Sequence[Lesson]) -> list[str]:
    """Return what is wrong with the committed notebook ``path``, in words."""
    notebook = nbformat.read(path, as_version=4)
    found = list(_as_a_whole(notebook, lesson, lessons))
    if path.stat().st_size > MOST_BYTES:
        found.append(f"it has more than {MOST_BYTES // 1000} kB")
    for number, cell in enumerate(notebook.cells, start=1):
        rules = _code_cell(cell) if cell.cell_type == "code" else _markdown_cell(cell, path)
        found += [f"cell {number} ({cell.id}): {text}" for text in rules]
    return found


def _as_a_whole(notebook: NotebookNode, lesson: Lesson, lessons: Sequence[Lesson]) -> Iterator[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if notebook.metadata.get("kernelspec", {}).get("name") != KERNEL:
        yield f"its kernel is not {KERNEL}"
    if not notebook.cells[0].source.startswith(f"# {lesson.title}\n"):
        yield f"it does not open with '# {lesson.title}'"
    parameters = [cell for cell in code if "parameters" in tags(cell)]
    if parameters != code[:1]:
        yield "its first code cell, and no other, must have the tag parameters"
    if not any("enter(" in cell.source for cell in code[1:2]):
        yield "its second code cell must enter the cloud"
    if not code or CLEAN_UP not in tags(code[-1]):
        yield f"its last code cell must have the tag {CLEAN_UP}"
    executed = [cell for cell in code if cell.source and "skip-execution" not in tags(cell)]
    if [cell.execution_count for cell in executed] != list(range(1, len(executed) + 1)):
        yield "its execution counts are not 1, 2, 3, …: make refresh"
    fresh = nbformat.from_dict(notebook)
    write_generated_cells(lesson, lessons, fresh)
    if [cell.source for cell in fresh.cells] != [cell.source for cell in notebook.cells]:
        yield "its facts, its links or the help of its exercises are out of date: make refresh"
    if SECONDS not in notebook.metadata:
        yield "it does not say how long its cells take: make refresh"
    yield from content.of_the_whole(notebook, lesson, lessons)


def _any_cell(cell: NotebookNode) -> Iterator[str]:
    for tag in sorted(set(tags(cell)) - KNOWN_TAGS):
        yield f"the tag {tag!r} means nothing here"
    if len({CORE, EXTRA} & set(tags(cell))) != 1:
        yield f"it must be {CORE} or {EXTRA}, and not both: make refresh"


def _markdown_cell(cell: NotebookNode, path: Path) -> Iterator[str]:
    """Each command is one that a test types, or is classed as not run, or quotes the wiki."""
    yield from _any_cell(cell)
    yield from content.of_markdown(cell, path)
    for line in commands_outside(cell.source):
        yield f"{line!r} stands neither in a ```console block nor in a block quote"
    for block in blocks(cell.source):
        if not block.commands:
            yield "a ```console block begins with a command, after '$ '"
        for command in block.commands:
            if command.output.strip() == "...":
                yield f"'$ {command.line}' shows nothing of its output"


def _code_cell(cell: NotebookNode) -> Iterator[str]:
    yield from _any_cell(cell)
    transformed = TransformerManager().transform_cell(cell.source)
    yield from content.of_code(cell, transformed)
    if SHELL.search(transformed):
        yield "a shell command passes although it fails: use a helper that raises"
    if re.search(r"#\s*(NBVAL|PYTEST_VALIDATE)", cell.source):
        yield "nbval reads tags here, not comments"
    if ("nbval-skip" in tags(cell)) != ("skip-execution" in tags(cell)):
        yield "nbval-skip and skip-execution go together"
    if "parameters" in tags(cell) and not _only_literals(cell.source):
        yield "a parameters cell holds names with literal values, nothing else"
    for output in cell.outputs:
        if output.output_type == "error" and "raises-exception" not in tags(cell):
            yield "it failed when it was executed"
        if output.output_type == "stream" and output.name == "stderr":
            yield "it wrote to stderr"
        if "image/svg+xml" in output.get("data", {}):
            yield "GitHub does not show SVG: use PNG"
    if ANSWER in tags(cell) and (cell.outputs or IGNORE not in tags(cell)):
        yield f"an answer shows nothing and has the tag {IGNORE}"
    text = shown(cell)
    if re.search(OF_THIS_MACHINE, text):
        yield "it shows a path of the machine that executed it"
    if IGNORE not in tags(cell):
        for what, pattern in CHANGING.items():
            if match := re.search(pattern, text):
                yield f"it shows {what} ({match[0]}) and lacks the tag {IGNORE}"


def _only_literals(source: str) -> bool:
    for statement in ast.parse(source).body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            return False
        try:
            ast.literal_eval(statement.value)
        except ValueError:
            return False
    return True


def shown(cell: NotebookNode) -> str:
    """Return what a reader sees of the outputs of a cell, as text."""
    parts = []
    for output in cell.outputs:
        data = output.get("data", {})
        if output.output_type == "stream":
            parts.append(output.text)
        parts += [data[kind] for kind in ("text/plain", "text/markdown") if kind in data]
        if "text/html" in data:
            text = re.sub(r"<style.*?</style>|<[^>]*>", " ", data["text/html"], flags=re.DOTALL)
            parts.append(re.sub(r"\s+", " ", text))
    return "\n".join(parts)
