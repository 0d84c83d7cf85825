"""What the facilitator's guide promises for a session is what the course holds."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest

from helpers.course.catalogue import Lesson, track
from helpers.course.generated import CHECK, EXTRA, exercise, minutes, tags

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "FACILITATOR.md").read_text()
TRACK = track(ROOT / "notebooks", "2h")
OTHER = r"(?:Welcome|Break|Close)[^|]*"
ROW = re.compile(
    rf"^\| (\d):(\d\d) \| (\d+) \| (?:\[.*?\]\(notebooks/(.*?)\)|{OTHER}) \| (.*?) ?\|$",
    re.MULTILINE,
)


class Block(NamedTuple):
    """A row of the table; ``file`` is empty where no lesson is done."""

    begins: int
    minutes: int
    file: str
    checks: list[str]


BLOCKS = [
    Block(60 * int(hour) + int(minute), int(length), file, re.findall(r"`check\.(\w+)`", checks))
    for hour, minute, length, file, checks in ROW.findall(GUIDE)
]


def core(lesson: Lesson) -> list[nbformat.NotebookNode]:
    """Return the cells of a lesson that a session does."""
    cells = nbformat.read(ROOT / "notebooks" / lesson.file, as_version=4).cells
    return [cell for cell in cells if EXTRA not in tags(cell)]


def test_the_blocks_are_the_lessons_of_the_track_with_a_welcome_a_break_and_a_close() -> None:
    files = [block.file for block in BLOCKS]
    assert files.count("") == 3
    assert [file for file in files if file] == [lesson.file for lesson in TRACK.lessons]


def test_the_blocks_fill_the_time_of_the_track() -> None:
    assert sum(block.minutes for block in BLOCKS) == TRACK.minutes
    for before, after in pairwise(BLOCKS):
        assert after.begins == before.begins + before.minutes


@pytest.mark.parametrize("lesson", TRACK.lessons, ids=lambda lesson: lesson.name)
def test_a_lesson_fits_into_its_block(lesson: Lesson) -> None:
    """Else the session ends before its last lesson does."""
    (block,) = [block for block in BLOCKS if block.file == lesson.file]
    assert minutes(core(lesson)) <= block.minutes


@pytest.mark.parametrize("lesson", TRACK.lessons, ids=lambda lesson: lesson.name)
def test_what_must_be_green_are_the_exercises_that_a_session_does(lesson: Lesson) -> None:
    (block,) = [block for block in BLOCKS if block.file == lesson.file]
    assert block.checks == [exercise(cell).name for cell in core(lesson) if CHECK in tags(cell)]
    (section,) = re.findall(rf"^## Block \d: {lesson.title}\n(.*?)^## ", GUIDE, re.M | re.S)
    (green,) = re.findall(r"^\*\*Green:\*\* (.*)$", section, re.MULTILINE)
    assert re.findall(r"`check\.(\w+)`", green) == block.checks


@pytest.mark.parametrize("lesson", TRACK.lessons, ids=lambda lesson: lesson.name)
def test_each_block_names_the_headings_that_a_session_leaves_out(lesson: Lesson) -> None:
    """Readers see no tags, and whoever does what is extra too is late for the next block."""
    parts: list[tuple[str, list[bool]]] = []
    for cell in nbformat.read(ROOT / "notebooks" / lesson.file, as_version=4).cells:
        if cell.cell_type == "markdown":
            parts += [(head, []) for head in re.findall(r"^#+ (.*)$", cell.source, re.MULTILINE)]
        parts[-1][1].append(EXTRA in tags(cell))
    left_out = [head for head, extra in parts if extra and all(extra)]
    (section,) = re.findall(rf"^## Block \d: {lesson.title}\n(.*?)^## ", GUIDE, re.M | re.S)
    (named,) = re.findall(r"^\*\*Not in the session:\*\* (.*?)\n\n", section, re.M | re.S)
    assert re.findall(r"\*(.*?)\*", " ".join(named.split())) == left_out


def test_each_block_tells_three_mistakes_and_what_to_leave_out() -> None:
    sections = re.findall(r"^## Block \d: .*?(?=^## )", GUIDE, re.MULTILINE | re.DOTALL)
    assert len(sections) == len(TRACK.lessons)
    for section in sections:
        assert "**Goal:** " in section
        assert len(re.findall(r'^\| .* \| ".*".* \|$', section, re.MULTILINE)) == 3
        assert "**If you are late:** " in section


def test_the_commands_that_it_tells_to_run_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make (\w+)", GUIDE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    cli = (ROOT / "helpers/localcloud/cli.py").read_text()
    for command in re.findall(r"localcloud (\w+)", GUIDE):
        assert f"def {command}(" in cli, command
