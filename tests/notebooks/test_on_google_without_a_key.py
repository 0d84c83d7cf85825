"""The script behind ``google.yml`` needs only somebody who may impersonate: no key, no login."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.course.surroundings import fresh_cloud
from tests.notebooks.executing import LOCALCLOUD, ROOT

ACCOUNT = "notebook@hands-on.iam.gserviceaccount.com"

pytestmark = pytest.mark.timeout(600)


def test_a_lesson_runs_with_tokens_that_are_handed_over(tmp_path: Path) -> None:
    """A local cloud stands in for Google, a person of its own for the workload."""
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    person = tmp_path / "person.json"
    inside = [*LOCALCLOUD, "exec", "--"]
    with fresh_cloud():
        asked = [*inside, "printenv", "GOOGLE_APPLICATION_CREDENTIALS"]
        file = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        person.write_text(json.dumps(json.loads(Path(file).read_text())["source_credentials"]))
        surroundings = [
            f"GOOGLE_APPLICATION_CREDENTIALS={person}",
            f"PYTHONPATH={ROOT / 'tests/notebooks/blocker'}",
            "LOCALCLOUD_STANDS_IN=1",
        ]
        script = [sys.executable, str(ROOT / ".ci" / "google.py"), "hands-on", ACCOUNT]
        done = subprocess.run(
            [*inside, "env", *surroundings, *script, "00-start-here"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "00-start-here" in done.stdout
    assert "Nothing deleted." in done.stdout
