"""The exercises of lesson 01 are passed by what they ask for, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import lab
from helpers.check import cloud_build as check
from helpers.source import stage
from tests.check.conftest import Enter

APP = ("app.py", "requirements.txt", "Dockerfile")


def submit(folder: Path, *names: str, ignored: str) -> None:
    for name in names:
        (folder / name).write_text("")
    (folder / ".gcloudignore").write_text(ignored)
    stage(folder, lab.place()[0], lab.labels())


@pytest.mark.parametrize(
    ("ignored", "word"),
    [
        ("secret.txt", "passed"),
        ("", "not yet"),
        ("*.txt", "not tried"),
        ("secret.txt\nDockerfile", "not yet"),
    ],
)
def test_only_the_secret_stays_at_home(enter: Enter, source: Path, ignored: str, word: str) -> None:
    enter()
    assert check.keep_secret_out.outcome().word == "not tried"
    submit(source, *APP, "public.txt", "secret.txt", ignored=ignored)
    assert check.keep_secret_out.outcome().word == word
