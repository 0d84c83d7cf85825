"""The texts of the exercises, and who has passed them."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from helpers import check, exercises, lab
from helpers.check import Check, Outcome

LESSONS = sorted({one.lesson for one in exercises.everything().values()})


@pytest.fixture(autouse=True)
def own_progress(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "progress.json"
    monkeypatch.setenv(exercises.PROGRESS, str(path))
    return path


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_exercise_of_a_lesson_has_a_check_and_every_check_has_texts(lesson: str) -> None:
    """Else ``check.NAME.hint()`` ends in a traceback."""
    module = importlib.import_module(f"helpers.check.{lesson[3:].replace('-', '_')}")
    checks = {name for name, found in vars(module).items() if isinstance(found, Check)}
    texts = {one.name for one in exercises.everything().values() if one.lesson == lesson}
    assert checks == texts
    assert all(getattr(module, name).__name__ == name for name in checks)
    assert all(len(exercises.everything()[name].hints) >= 2 for name in texts)


def keep_secret_out() -> Outcome:
    return check.passed("It is.")


def test_what_was_passed_is_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    checked = check.exercise(keep_secret_out)
    (before,) = [row for row in exercises.progress() if row[1] == "keep_secret_out"]
    assert before == ("01-cloud-build", "keep_secret_out", "not yet")
    checked()
    assert capsys.readouterr().out == "passed: It is.\n"
    lab.progress("01-cloud-build")
    first = exercises.passed()["keep_secret_out"]
    assert first in capsys.readouterr().out
    checked()
    assert exercises.passed() == {"keep_secret_out": first}


@pytest.mark.parametrize("word", ["not_yet", "not_tried"])
def test_what_was_not_passed_is_not_remembered(word: str) -> None:
    @check.exercise
    def keep_secret_out() -> Outcome:
        return getattr(check, word)("No.")

    keep_secret_out()
    assert exercises.passed() == {}


def test_a_broken_progress_file_is_begun_anew(own_progress: Path) -> None:
    own_progress.parent.mkdir()
    own_progress.write_text("{")
    assert exercises.passed() == {}
    exercises.record_passed("keep_secret_out")
    assert list(exercises.passed()) == ["keep_secret_out"]


def test_a_check_that_can_not_look_says_why() -> None:
    @check.exercise
    def keep_secret_out() -> Outcome:
        raise lab.CannotEnter("Enter a cloud first: lab.enter().")

    assert keep_secret_out.outcome() == ("error", "Enter a cloud first: lab.enter().")


def test_hints_come_one_by_one_and_the_last_again(capsys: pytest.CaptureFixture[str]) -> None:
    checked = check.exercise(keep_secret_out)
    hints = exercises.everything()["keep_secret_out"].hints
    for _ in range(len(hints) + 1):
        checked.hint()
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2] for line in told] == [*hints, hints[-1]]


def test_the_solution_is_the_source_of_a_cell(capsys: pytest.CaptureFixture[str]) -> None:
    check.exercise(keep_secret_out).solution()
    compile(capsys.readouterr().out, "solution", "exec")
