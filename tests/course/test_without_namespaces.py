"""The course where namespaces are refused: its lessons run with plain processes too."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.course.running import run

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = ("00-start-here", "01-cloud-build", "03-deploy", "04-auth-tokens")


@pytest.mark.timeout(900)
def test_lessons_run_on_the_process_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCLOUD_ENGINE", "process")
    lines: list[str] = []
    run(NOTEBOOKS, tmp_path / "build", LESSONS, {}, lines.append)
    assert [line.split()[0] for line in lines] == [*LESSONS, "all"]
