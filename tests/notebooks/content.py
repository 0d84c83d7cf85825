"""What a lesson must say, and where: its sections, its exercises, its words and its pictures.

Prose is all Markdown but the cells that are generated, the blocks of code and those of HTML. A
sentence in it has at most `MOST_WORDS` words: each item of a list and each cell of a table is
looked at by itself, and a piece of code counts as one word.

A word that a lesson defines stands in bold where it is first used, and in no earlier lesson. What
is quoted is not looked at, nor are headings and the plan: they name what the cells below define.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from nbformat import NotebookNode

from helpers.course.catalogue import Lesson
from helpers.course.generated import ANSWER, CHECK, EXTRA, FACTS, HELP, LINKS, exercise, tags
from helpers.regions import REGIONS
from tests.notebooks.prose import Passage, anchor, dead_links, passages

MOST_WORDS = 40
"""How long a sentence may be."""

OPENING = range(1, 3)
"""How many sentences stand below the title."""

OBJECTIVES = range(2, 5)
"""How many things a reader is told to be able to do afterwards."""

EXERCISES = range(2, 4)
"""How many exercises a lesson has."""

PLAN = "plan"
"""The id of the cell that says what the reader will do, will be able to do, and needs."""

PLAN_SAYS = ["What you'll do:", "You will be able to", "What you'll need:"]
ENDING = ["Exercises", "Cleaning up", "What you saw", "What's next"]
"""The last sections; a notebook without a number has other exercises than lessons have."""

PARTS = re.compile(r"^#+ ", re.MULTILINE)
SAYS_EXTRA = re.compile(r"^\*Extra\.\*", re.MULTILINE)
STANDS_APART = re.compile(r"\*\*With gcloud\.\*\*|<details>|> \*\*Then and now")
"""How a cell begins that can be left out by itself, as every lesson's plan or its look says."""

GENERATED = {FACTS, LINKS, HELP}

TYPED = {
    "the project": re.compile(r"(?<![\w-])hands-on(?![\w-])"),
    "the region": re.compile(rf"(?<![\w-])(?:{'|'.join(REGIONS)})(?!\d)"),
    "the address": re.compile(r"[\w.{}-]*\.run\.app\b"),
}
"""What a reader may have to change, so it is in the parameters or asked for."""


def of_the_whole(
    notebook: NotebookNode, lesson: Lesson, lessons: Sequence[Lesson]
) -> Iterator[str]:
    """Yield what is wrong with the sections, the exercises and the terms of a notebook."""
    numbered = lesson.file[0].isdigit()
    yield from _sections(notebook, ENDING if numbered else ENDING[1:])
    yield from _plan(notebook)
    if numbered:
        yield from _exercises(notebook)
    yield from _terms(notebook, lesson, lessons)
    yield from _extra(notebook)


def of_markdown(cell: NotebookNode, path: Path) -> Iterator[str]:
    """Yield what is wrong with a Markdown cell of the notebook ``path``."""
    for link in dead_links(cell.source, path):
        yield f"nothing is where the link to {link} leads"
    for passage in passages(cell.source):
        if not all(passage.pictures):
            yield "a picture has no words that stand for it"
        for sentence in [] if GENERATED & set(tags(cell)) else passage.sentences():
            if (words := len(sentence.split())) > MOST_WORDS:
                yield f"a sentence has {words} words: {' '.join(sentence.split()[:6])} …"


def of_code(cell: NotebookNode, python: str) -> Iterator[str]:
    """Yield what is wrong with a code cell whose source, as Python, is ``python``."""
    for output in cell.outputs:
        words = output.get("metadata", {}).get("image/png", {}).get("alt", "")
        if "image/png" in output.get("data", {}) and not words.strip():
            yield "a picture has no words that stand for it"
    if "parameters" in tags(cell):
        return
    for source in [python, *([exercise(cell).solution] if ANSWER in tags(cell) else [])]:
        try:
            yield from _typed(ast.parse(source))
        except SyntaxError as error:
            yield f"it is no Python: {error}"


def _typed(tree: ast.Module) -> Iterator[str]:
    """Yield what is typed into a string although it is the reader's to choose.

    A region that is an element of a list or a table is data, one of several to look at.
    """
    data = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Dict)
        for part in ast.iter_child_nodes(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for what, pattern in TYPED.items():
                match = pattern.search(node.value)
                if match and not (what == "the region" and id(node) in data):
                    yield f"{what} {match[0]} is typed into it: take a parameter"


def _prose(notebook: NotebookNode) -> list[tuple[str, Passage]]:
    """Return the passages that somebody wrote, in order, each with the id of its cell."""
    return [
        (str(cell.id), passage)
        for cell in notebook.cells
        if cell.cell_type == "markdown" and not GENERATED & set(tags(cell))
        for passage in passages(cell.source)
    ]


def _sections(notebook: NotebookNode, ending: Sequence[str]) -> Iterator[str]:
    cells = notebook.cells
    opening = [one for one in passages(cells[0].source) if not one.heading]
    if (count := sum(len(one.sentences()) for one in opening)) not in OPENING:
        yield f"{count} sentences stand below its title: one or two say what it is about"
    if FACTS not in tags(cells[1]) or cells[2].id != PLAN or cells[3].cell_type != "code":
        yield f"after its title come the facts, the plan (id {PLAN}) and the parameters"
    titles = [one.text for _, one in _prose(notebook) if one.heading == 2]
    if titles[-len(ending) :] != list(ending):
        yield f"its last sections are not {', '.join(ending)}"
    if LINKS not in tags(cells[-1]):
        yield "its last cell does not hold the links"


def _plan(notebook: NotebookNode) -> Iterator[str]:
    plan = [one for id, one in _prose(notebook) if id == PLAN]
    bold = [one.pieces[0].text for one in plan if one.pieces and one.pieces[0].bold]
    if bold != PLAN_SAYS:
        yield f"its plan does not say in bold, in this order: {', '.join(PLAN_SAYS)}"
    if (count := sum(one.listed for one in plan)) not in OBJECTIVES:
        yield f"its plan tells {count} things that one can do afterwards: two to four are enough"


def _exercises(notebook: NotebookNode) -> Iterator[str]:
    prose = _prose(notebook)
    ids = {cell.id for cell in notebook.cells}
    names = [exercise(cell).name for cell in notebook.cells if CHECK in tags(cell)]
    if len(names) not in EXERCISES:
        yield f"it has {len(names)} exercises: two or three are enough"
    places: dict[str, str] = {}
    for name in names:
        if f"{name}-answer" not in ids:
            yield f"the exercise {name} has no cell {name}-answer"
        headings = [one.text for id, one in prose if id == f"{name}-task" and one.heading == 3]
        if len(headings) != 1:
            yield f"the exercise {name} has no cell {name}-task with one heading (###)"
        places |= {anchor(heading): name for heading in headings}
    led_to = set()
    for objective in [one for id, one in prose if id == PLAN and one.listed]:
        anchors = {link.removeprefix("#") for link in objective.links} & set(places)
        led_to |= anchors
        if not anchors:
            yield f"no link leads to an exercise from: {objective.text}"
    for place in sorted(set(places) - led_to):
        yield f"no link in the plan leads to the exercise {places[place]}: (#{place})"


def _terms(notebook: NotebookNode, lesson: Lesson, lessons: Sequence[Lesson]) -> Iterator[str]:
    used = [
        (id, piece)
        for id, passage in _prose(notebook)
        if id != PLAN and not passage.heading and not passage.quoted
        for piece in passage.pieces
        if not piece.code
    ]
    for term in lesson.terms:
        uses = [(id, piece) for id, piece in used if _word(term).search(piece.text)]
        if not uses:
            yield f"the term {term!r} is not in its prose"
        elif not (uses[0][1].bold and _word(term).fullmatch(uses[0][1].text)):
            yield f"the term {term!r} is not in bold where it is first used, in {uses[0][0]}"
    for later in lessons[lessons.index(lesson) + 1 :]:
        for term in later.terms:
            ids = dict.fromkeys(id for id, piece in used if _word(term).search(piece.text))
            if ids:
                yield f"{later.name} defines the term {term!r}, used here in {', '.join(ids)}"


def _extra(notebook: NotebookNode) -> Iterator[str]:
    """A reader sees no tags: what can be left out says so, and ends at the next heading."""
    said = False
    for cell in notebook.cells:
        text = cell.source if cell.cell_type == "markdown" else ""
        said = bool(SAYS_EXTRA.search(text) or (said and not PARTS.search(text)))
        if EXTRA in tags(cell) and not said and not STANDS_APART.match(text):
            yield f"a reader is not told that {cell.id} is extra: begin its part with *Extra.*"
        if EXTRA not in tags(cell) and said:
            yield f"{cell.id} is not extra, but stands below *Extra.* with no heading between"


def _word(term: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-]){re.escape(term)}s?(?![\w-])", re.IGNORECASE)
