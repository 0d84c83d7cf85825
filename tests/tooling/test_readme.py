"""What the README tells a reader to type exists, and what it shows is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from helpers.course.catalogue import listed
from helpers.course.generated import core_and_extra
from tests.notebooks.prose import dead_links

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
TYPED = sorted(set(re.findall(r"`((?:make|localcloud) [a-z-]+)", README + CONTRIBUTING)))
LESSON = re.compile(r"^\| \[(.*?)\]\(notebooks/(.*?)\) \| .*? \| (\d+) \| (\d*) ?\|$", re.MULTILINE)


def test_the_readme_opens_with_what_it_is_and_the_two_commands() -> None:
    assert README.startswith("# ")
    opening = README[:900]
    assert opening.index("otebooks") < opening.index("make lab") < opening.index("make run")


def test_the_lessons_are_those_of_the_course_with_the_minutes_that_they_tell() -> None:
    told = []
    for lesson in listed(ROOT / "notebooks"):
        cells = nbformat.read(ROOT / "notebooks" / lesson.file, as_version=4).cells
        core, extra = core_and_extra(cells)
        told.append((lesson.title, lesson.file, str(core), str(extra or "")))
    assert LESSON.findall(README) == told


@pytest.mark.parametrize(
    "command", [text.split()[1] for text in TYPED if text.startswith("localcloud")]
)
def test_every_localcloud_command_named_exists(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "helpers.localcloud", command, "--help"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_make_targets_told_of_are_those_that_exist() -> None:
    phony = re.findall(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    targets = set(" ".join(phony).split()) - {"$(VENV)"}
    assert targets == {text.split()[1] for text in TYPED if text.startswith("make")}


@pytest.mark.parametrize(
    "page", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda page: page.name
)
def test_what_a_page_links_to_in_the_tree_is_there(page: Path) -> None:
    assert dead_links(page.read_text(), page) == []


def test_the_date_of_the_last_execution_on_google_is_that_of_the_oldest_lesson() -> None:
    dates = [lesson.executed for lesson in listed(ROOT / "notebooks")]
    oldest = "never" if "never" in dates else min(dates)
    assert f"*Last executed on Google Cloud:* **{oldest}**." in README
