"""A latecomer is told what the lessons before have shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import recap
from helpers.course.catalogue import listed

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = {lesson.name: lesson for lesson in listed(NOTEBOOKS)}


@pytest.mark.parametrize("name", LESSONS)
def test_each_lesson_to_read_before_is_told_with_its_words_and_its_points(name: str) -> None:
    rows = recap.rows(name, NOTEBOOKS)
    before = [LESSONS[Path(file).stem] for file in LESSONS[name].before]
    assert [row for row in rows if row[0]] == [
        (f"[{lesson.title}]({lesson.file})", f"New words: {', '.join(lesson.terms)}.")
        for lesson in before
    ]
    assert len(rows) >= 4 * len(before), "three points at least were seen in each"


def test_points_are_those_of_the_section_and_no_others() -> None:
    points = [text for _, text in recap.rows("03-deploy", NOTEBOOKS)]
    assert "What `.gcloudignore` names never leaves your machine." in points
    assert not any(text.startswith("submit a build") for text in points)


def test_a_lesson_is_known_by_its_number_or_its_name() -> None:
    wanted = recap.rows("04-auth-tokens", NOTEBOOKS)
    assert recap.rows(4, NOTEBOOKS) == recap.rows("04", NOTEBOOKS) == wanted
    assert recap.rows("drills", NOTEBOOKS)


@pytest.mark.parametrize("unknown", [99, "4-auth", "auth", "", "-4"])
def test_another_one_is_refused_with_the_choices(unknown: str | int) -> None:
    with pytest.raises(ValueError, match=r"Choose one of: 00-start-here, 01-cloud-build, .*drills"):
        recap.rows(unknown, NOTEBOOKS)
