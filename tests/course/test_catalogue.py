"""What course.toml says is true, or the course is not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.course.catalogue import CourseError, load, track

ENTRY = """
[[lesson]]
file = "{file}"
title = "Say hello"
google = "yes"
executed = "never"
cost = "Nothing."
before = {before}
terms = ["service"]
"""


def course(folder: Path, *files: str, extra: str = "") -> Path:
    for file in files:
        (folder / file).touch()
    entries = "".join(
        ENTRY.format(file=file, before=list(files[:n])) for n, file in enumerate(files)
    )
    (folder / "course.toml").write_text(entries + extra)
    return folder


def test_lessons_come_in_reading_order_with_all_that_is_said_of_them(tmp_path: Path) -> None:
    first, second = load(course(tmp_path, "00-a.ipynb", "01-b.ipynb"))
    assert (first.name, first.google, first.executed) == ("00-a", "yes", "never")
    assert (second.file, second.before, second.terms) == (
        "01-b.ipynb",
        ("00-a.ipynb",),
        ("service",),
    )


def test_a_notebook_that_nobody_listed_does_not_go_unexecuted(tmp_path: Path) -> None:
    course(tmp_path, "00-a.ipynb")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "99-draft.ipynb").touch()
    with pytest.raises(CourseError, match=r"deeper/99-draft\.ipynb is not listed"):
        load(tmp_path)


def test_jupyters_checkpoints_are_no_lessons(tmp_path: Path) -> None:
    course(tmp_path, "00-a.ipynb")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "00-a-checkpoint.ipynb").touch()
    assert len(load(tmp_path)) == 1


def test_a_lesson_that_is_listed_but_gone_is_named(tmp_path: Path) -> None:
    course(tmp_path, "00-a.ipynb", "01-b.ipynb")
    (tmp_path / "01-b.ipynb").unlink()
    with pytest.raises(CourseError, match=r"01-b.ipynb is listed in .* but missing"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('google = "yes"', 'google = "perhaps"', "'google' must be one of yes, needs-domain"),
        ('cost = "Nothing."\n', "", "'cost' is missing"),
        ('cost = "Nothing."', 'cost = "Nothing."\nprice = 1', "'price' is unknown"),
        ('cost = "Nothing."', "cost = 0", "'cost' must be a string"),
        ('terms = ["service"]', 'terms = "service"', "'terms' must be a list of strings"),
        ('terms = ["service"]', f"terms = {list('abcdefg')}", "more than 6 new terms"),
        ("before = []", 'before = ["01-b.ipynb"]', "says to read '01-b.ipynb' before it"),
        ("[[lesson]]", "[[lessons]]", "nothing else"),
        ("[[lesson]]", "[[lesson", "can't be read"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = course(tmp_path, "00-a.ipynb") / "course.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(CourseError, match=complaint):
        load(tmp_path)


@pytest.mark.parametrize("files", [("01-b.ipynb", "00-a.ipynb"), ("00-a.ipynb", "00-a.ipynb")])
def test_the_list_is_in_the_order_of_the_names_and_has_each_once(
    tmp_path: Path, files: tuple[str, ...]
) -> None:
    with pytest.raises(CourseError, match="twice, or not in the order"):
        load(course(tmp_path, *files))


TRACK = '[[track]]\nname = "1h"\nminutes = 60\nlessons = ["00-a.ipynb", "01-b.ipynb"]\n'


def test_a_track_has_lessons_and_a_time(tmp_path: Path) -> None:
    course(tmp_path, "00-a.ipynb", "01-b.ipynb", "02-c.ipynb", extra=TRACK)
    found = track(tmp_path, "1h")
    assert (found.minutes, found.lessons) == (60, load(tmp_path)[:2])


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"1h"', '"3h"', "no track '1h'; the tracks are: 3h"),
        ("60", '"60"', "has a name, minutes and lessons"),
        ("minutes = 60\n", "", "has a name, minutes and lessons"),
        ('"00-a.ipynb", "01-b.ipynb"', '"01-b.ipynb", "00-a.ipynb"', "in reading order"),
        ("01-b.ipynb", "03-d.ipynb", "in reading order"),
        ("01-b.ipynb", "00-a.ipynb", "in reading order"),
    ],
)
def test_a_wrong_track_is_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in TRACK
    course(tmp_path, "00-a.ipynb", "01-b.ipynb", extra=TRACK.replace(old, new))
    with pytest.raises(CourseError, match=complaint):
        track(tmp_path, "1h")


def test_a_folder_without_a_list_is_no_course(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="can't be read"):
        load(tmp_path)
