"""With ``cloud="google"`` a lesson needs only what surrounds it: here a local cloud stands in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.course.catalogue import Lesson
from helpers.course.surroundings import fresh_cloud
from tests.notebooks.executing import LESSONS, LOCALCLOUD, ROOT, left_in_the_cloud, own_scope

pytestmark = pytest.mark.timeout(900)
ON_GOOGLE = [lesson for lesson in LESSONS if lesson.google == "yes"]


@pytest.fixture
def as_on_google() -> dict[str, str]:
    """The variables under which no lesson can import the local cloud, only reach it."""
    return {
        "PYTHONPATH": str(ROOT / "tests/notebooks/blocker"),
        "LOCALCLOUD_STANDS_IN": "1",
        "CONFIRM": "1",
    }


def test_the_local_cloud_can_not_be_imported_where_google_is_stood_in_for(
    as_on_google: dict[str, str],
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import helpers, helpers.localcloud.home"],
        env={**os.environ, **as_on_google},
        capture_output=True,
        text=True,
    )
    assert "helpers.localcloud is blocked" in done.stderr


@pytest.mark.parametrize("lesson", ON_GOOGLE, ids=own_scope)
def test_a_lesson_runs_with_cloud_google_on_what_surrounds_it(
    lesson: Lesson, as_on_google: dict[str, str], tmp_path: Path
) -> None:
    """Credentials, proxy and certificates come from outside; the project has no default."""
    variables = [f"{name}={value}" for name, value in as_on_google.items()]
    course = [sys.executable, "-m", "helpers.course", "run", "--build", str(tmp_path)]
    parameters = ["-p", "cloud", "google", "-p", "project", "hands-on"]
    with fresh_cloud():
        done = subprocess.run(
            [*LOCALCLOUD, "exec", "--", "env", *variables, *course, *parameters, lesson.name],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert left_in_the_cloud([lesson]) == ""
