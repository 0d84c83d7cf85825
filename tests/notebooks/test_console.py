"""Whoever types a lesson's commands, instead of running its cells, sees what the lesson shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from helpers.course.catalogue import Lesson
from helpers.course.surroundings import fresh_cloud
from tests.notebooks.console import Command, Printed, blocks, blocks_of, difference, typed
from tests.notebooks.executing import LESSONS, NOTEBOOKS, left_in_the_cloud, own_scope

needs_gcloud = pytest.mark.skipif(
    shutil.which("gcloud") is None,
    reason="gcloud is not installed: NO command of a lesson was typed here",
)

NOT_RUN = {
    "00-start-here": ["all other commands are typed into what it starts"],
    "04-auth-tokens": ["it opens a browser"],
    "06-custom-domains": [
        "there are no load balancers in the local cloud",
        "it buys a domain",
        "it needs an account at AWS",
        "it opens a browser",
    ],
    "08-ship-it": [
        "the local cloud has no triggers and no workload identity pools",
        "it needs a folder with an app of yours",
    ],
}

COMES_WITH_THE_CLOUD = """\
415104041262-compute@developer.gserviceaccount.com
notebook@hands-on.iam.gserviceaccount.com
"""


@needs_gcloud
@pytest.mark.timeout(900)
@pytest.mark.parametrize("lesson", LESSONS, ids=own_scope)
def test_the_commands_of_a_lesson_print_what_it_shows_and_leave_nothing(
    lesson: Lesson, tmp_path: Path
) -> None:
    run = [block for block in blocks_of(NOTEBOOKS / lesson.file) if not block.not_run]
    commands = [command for block in run for command in block.commands]
    with fresh_cloud():
        printed = typed(commands, NOTEBOOKS, home=tmp_path)
        differences = map(difference, commands, printed)
        assert not (found := [text for text in differences if text]), "\n\n".join(found)
        assert left_in_the_cloud([lesson], whoever_made_it=True) == COMES_WITH_THE_CLOUD


def test_what_is_not_run_is_known() -> None:
    """A command that nobody tries may be wrong, so each is looked at when it is added here."""
    not_run = {
        lesson.name: [
            block.not_run for block in blocks_of(NOTEBOOKS / lesson.file) if block.not_run
        ]
        for lesson in LESSONS
    }
    assert {name: reasons for name, reasons in not_run.items() if reasons} == NOT_RUN


MARKDOWN = r"""
Two commands, and one that is not run:

```console
$ gcloud run \
    services list
Listed 0 items.
$ true
$ false
ERROR: no
```

<!-- not run: it opens a browser -->
```console
$ gcloud auth login
```

```python
pass
```

> ```console
> $ gcloud config list
> ```
"""


def test_blocks_are_read_as_they_are_typed() -> None:
    run, not_run = blocks(MARKDOWN)
    assert run.commands == (
        Command("gcloud run \\\n    services list", "Listed 0 items.\n"),
        Command("true", ""),
        Command("false", "ERROR: no\n"),
    )
    assert run.not_run == ""
    assert not_run.commands == (Command("gcloud auth login", ""),)
    assert not_run.not_run == "it opens a browser"


@pytest.mark.parametrize(
    ("shown", "printed", "status", "same"),
    [
        ("Done.\n", "Done.\n", 0, True),
        ("Done.\n", "", 0, False),
        ("", "Done.\n", 0, False),
        ("Deleting...\nDone.\n", "Deleting.....\nDone.\n", 0, True),
        ("...\nDone.\n", "Deploying\nDone.\n", 0, True),
        ("...\n", "ERROR: no\n", 1, False),
        ("ERROR: no\n", "ERROR: no\n", 1, True),
    ],
)
def test_a_difference_is_seen(shown: str, printed: str, status: int, same: bool) -> None:
    text = difference(Command("gcloud", shown), Printed(printed, status))
    assert same == (text == "")
