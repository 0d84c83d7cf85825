"""The committed notebooks follow the rules, and each rule sees what it is for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.course.catalogue import Lesson, listed
from helpers.course.generated import exercise, tags, write_generated_cells
from helpers.exercises import everything
from tests.notebooks.lint import IGNORE, complaints

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSON = Lesson("a.ipynb", "Say hello", "yes", "never", "Nothing.", (), ("service",))
LATER = Lesson("b.ipynb", "Say more", "yes", "never", "Nothing.", (), ("cold start",))
NUMBERED = Lesson("00-a.ipynb", "Say hello", "yes", "never", "Nothing.", (), ("service",))
PLAN = """\
**What you'll do:** greet.

**You will be able to**

- greet;
- take your leave.

**What you'll need:** nothing.
"""
Change = Callable[[NotebookNode], None]


def code(source: str, *tags: str) -> NotebookNode:
    return new_code_cell(source, metadata={"tags": list(tags)})


def good(lesson: Lesson = LESSON) -> NotebookNode:
    """Return a notebook that nothing is wrong with."""
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# Say hello\n\nA **service** answers.", id="title"),
            new_markdown_cell(PLAN, id="plan"),
            code('cloud = "local"', "parameters"),
            code("lab.enter(cloud)"),
            code("show()"),
            new_markdown_cell("## Cleaning up"),
            code("lab.clean_up()", "clean-up"),
            new_markdown_cell("## What you saw\n\n- Hello.\n\n## What's next\n\nMore."),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}, "seconds": 5},
    )
    if lesson is NUMBERED:
        exercised(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(cells, start=1):
        cell.execution_count = count
    write_generated_cells(lesson, [lesson, LATER], notebook)
    return notebook


def exercised(notebook: NotebookNode) -> None:
    """Give the notebook two exercises, each of which is what an objective leads to."""
    first, second = [*everything()][:2]
    notebook.cells[5:5] = [
        new_markdown_cell("## Exercises\n\n### Say it\n\nDo.", id=f"{first}-task"),
        new_code_cell("...", id=f"{first}-answer", metadata={"tags": ["answer", IGNORE]}),
        new_code_cell("check()", id=f"{first}-check", metadata={"tags": ["check"]}),
        new_markdown_cell("### Say it twice\n\nDo.", id=f"{second}-task"),
        new_code_cell("...", id=f"{second}-answer", metadata={"tags": ["answer", IGNORE]}),
        new_code_cell("check()", id=f"{second}-check", metadata={"tags": ["check"]}),
    ]
    notebook.cells[1].source = PLAN.replace("greet;", "greet ([exercise](#Say-it));").replace(
        "leave.", "leave ([exercise](#Say-it-twice))."
    )


TITLE, FACTS, PLANNED, PARAMETERS, ENTER, SHOW, CLEANING, CLEAN, ENDING, LINKS = range(10)
"""The cells of the good notebook; most changes below are made to SHOW."""


def prints(text: str, name: str = "stdout") -> Change:
    return lambda n: n.cells[SHOW].outputs.append(new_output("stream", name=name, text=text))


def displays(data: dict[str, str]) -> Change:
    return lambda n: n.cells[SHOW].outputs.append(new_output("display_data", data))


def pictures(words: str) -> Change:
    shown = new_output("display_data", {"image/png": ""}, metadata={"image/png": {"alt": words}})
    return lambda n: n.cells[SHOW].outputs.append(shown)


def says(source: str) -> Change:
    return lambda n: n.cells[SHOW].update(source=source)


def tells(markdown: str) -> Change:
    cell = new_markdown_cell(markdown, metadata={"tags": ["core"]})
    return lambda n: n.cells.insert(SHOW, cell)


def tagged(*tags: str) -> Change:
    return lambda n: n.cells[SHOW].metadata.update(tags=["core", *tags])


def rewritten(place: int, old: str, new: str) -> Change:
    def change(notebook: NotebookNode) -> None:
        assert old in notebook.cells[place].source
        notebook.cells[place].source = notebook.cells[place].source.replace(old, new)

    return change


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
    write_generated_cells(LESSON, [LESSON, LATER], notebook)


def test_a_good_notebook_has_no_complaints(tmp_path: Path) -> None:
    assert found(tmp_path, lambda notebook: None) == []


def found(tmp_path: Path, change: Change, lesson: Lesson = LESSON) -> list[str]:
    notebook = good(lesson)
    change(notebook)
    nbformat.write(notebook, tmp_path / lesson.file)
    (tmp_path / LATER.file).touch()
    return complaints(tmp_path / lesson.file, lesson, [lesson, LATER])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (without_counts, "execution counts"),
        (lambda n: n.cells[SHOW].update(execution_count=7), "execution counts"),
        (
            lambda n: n.cells[TITLE].update(source="# Say goodbye\n\n**service**"),
            "does not open with",
        ),
        (lambda n: n.cells[TITLE].update(source="# Say hello\n\nservice"), "the term 'service'"),
        (
            lambda n: n.cells[TITLE].update(source=n.cells[TITLE].source + " more" * 180),
            "out of date",
        ),
        (lambda n: n.cells.pop(), "out of date"),
        (lambda n: n.metadata.kernelspec.update(name="mine"), "its kernel is not python3"),
        (lambda n: n.metadata.pop("seconds"), "how long its cells take"),
        (lambda n: n.metadata.update(seconds=40), "out of date"),
        (lambda n: n.cells[PARAMETERS].metadata.update(tags=[]), "the tag parameters"),
        (tagged("parameters"), "the tag parameters"),
        (lambda n: n.cells[ENTER].update(source="1"), "must enter the cloud"),
        (
            lambda n: n.cells[CLEAN].metadata.update(tags=[]),
            "last code cell must have the tag clean-up",
        ),
        (lambda n: n.cells[PARAMETERS].update(source="region = default()"), "literal values"),
        (lambda n: n.cells[PARAMETERS].update(source="a = 1\nb = f'{a}'"), "literal values"),
        (lambda n: n.cells[PARAMETERS].update(source="import os"), "literal values"),
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
        (rewritten(TITLE, "answers.", "answers. So? Yes."), "3 sentences stand below its title"),
        (rewritten(TITLE, "A **service** answers.", ""), "0 sentences stand below its title"),
        (lambda n: n.cells.insert(ENTER, n.cells.pop(PLANNED)), "come the facts, the plan"),
        (rewritten(PLANNED, "What you'll need", "You need"), "its plan does not say"),
        (rewritten(PLANNED, "- greet;\n", ""), "its plan tells 1 things"),
        (rewritten(CLEANING, "## Cleaning up", ""), "its last sections are not Cleaning up, What"),
        (rewritten(ENDING, "## What's next\n", "## More\n## What's next\n"), "last sections"),
        (
            rewritten(TITLE, "A **service**", "A service is a **service**. It"),
            "first used, in title",
        ),
        (rewritten(TITLE, "**service**", "server"), "'service' is not in its prose"),
        (tells("It has had *cold* starts before."), "b defines the term 'cold start', used here"),
        (tells("See [it](#Say-it)."), "the link to #Say-it leads"),
        (tells("> See [it](gone.ipynb)."), "the link to gone.ipynb leads"),
        (tells("See [it](a.ipynb#Clean)."), "the link to a.ipynb#Clean leads"),
        (tells("![](https://example.com/a.png)"), "no words that stand for it"),
        (pictures(""), "no words that stand for it"),
        (displays({"image/png": ""}), "no words that stand for it"),
        (tells(f"Yes. {'a ' * 41}\n\nYes."), "a sentence has 41 words: a a a"),
        (tells(f"- yes\n- {'a ' * 41}"), "a sentence has 41 words"),
        (tells(f"| yes | {'a ' * 41} |\n| - | - |"), "a sentence has 41 words"),
        (tells(f"> {'a ' * 41}"), "a sentence has 41 words"),
        (says("client(project='hands-on')"), "the project hands-on is typed into it"),
        (says("deploy(f'projects/{p}/locations/us-west1/services/a')"), "the region us-west1"),
        (says("tag = 'us-west1-docker.pkg.dev/a'"), "the region us-west1 is typed into it"),
        (says("call('https://a-1234-du.a.run.app/x')"), "the address a-1234-du.a.run.app is typed"),
        (says("call(f'https://{host}.a.run.app')"), "the address .a.run.app is typed into it"),
        (says("def"), "it is no Python"),
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


@pytest.mark.parametrize(
    "change",
    [
        says("show.table([place for place in ('us-west1', 'us-west2')])"),
        says("show.table({'us-west1': 'Oregon'})"),
        says("labels['hands-on-run'] = 1"),
        tells(f"Call `{'a ' * 41}` now. {'a ' * 40}"),
        tells(f"```text\n{'a ' * 41}\n```\n\n    {'a ' * 41}"),
        tells("Run `cold start`, see [it](https://example.com/cold%20start)."),
        tells("> Then and now: a cold start.\n\nThe cold starter."),
        tells("See [below](#What-you-saw) and [here](a.ipynb#What's-next)."),
        tells("### A service\n\nWords."),
        pictures("A folder goes to a bucket."),
    ],
)
def test_what_is_no_fault_is_not_complained_of(tmp_path: Path, change: Change) -> None:
    assert found(tmp_path, change) == []


def test_a_lesson_with_exercises_that_its_plan_leads_to_is_good(tmp_path: Path) -> None:
    assert found(tmp_path, lambda notebook: None, NUMBERED) == []


def without(*ids: str) -> Change:
    def change(notebook: NotebookNode) -> None:
        notebook.cells = [cell for cell in notebook.cells if cell.id not in ids]

    return change


FIRST = next(iter(everything()))
FIRST_CELLS = [f"{FIRST}-{part}" for part in ("task", "answer", "check", "help")]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (without(*FIRST_CELLS), "it has 1 exercises"),
        (without(FIRST_CELLS[0]), f"{FIRST} has no cell {FIRST}-task with one heading"),
        (without(FIRST_CELLS[0]), "its last sections are not Exercises, Cleaning up"),
        (without(FIRST_CELLS[1]), f"{FIRST} has no cell {FIRST}-answer"),
        (rewritten(SHOW + 1, "### Say it\n", ""), f"{FIRST}-task with one heading"),
        (rewritten(PLANNED, "(#Say-it)", "(#Exercises)"), "no link leads to an exercise from: gre"),
        (rewritten(PLANNED, "#Say-it)", "#Say-it-twice)"), f"leads to the exercise {FIRST}: (#Say"),
    ],
)
def test_an_exercise_is_whole_and_led_to(tmp_path: Path, change: Change, complaint: str) -> None:
    texts = found(tmp_path, change, NUMBERED)
    assert any(complaint in text for text in texts), texts


LESSONS = listed(NOTEBOOKS)


def test_every_exercise_that_has_texts_is_in_its_lesson() -> None:
    """Else nobody meets it, and no execution solves it."""
    asked = {
        (lesson.name, exercise(cell).name)
        for lesson in LESSONS
        for cell in nbformat.read(NOTEBOOKS / lesson.file, as_version=4).cells
        if "check" in tags(cell)
    }
    assert asked == {(one.lesson, one.name) for one in everything().values()}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_committed_notebook_follows_the_rules(lesson: Lesson) -> None:
    assert complaints(NOTEBOOKS / lesson.file, lesson, LESSONS) == []
