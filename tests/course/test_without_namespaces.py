"""The course where namespaces are refused: its lessons run with plain processes too.

What is executed is the track of a session, so its lessons are known to run without their extra
parts.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.course.running import run

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = ["00-start-here", "01-cloud-build", "03-deploy", "04-auth-tokens"]


@pytest.mark.timeout(900)
def test_the_track_of_a_session_runs_on_the_process_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALCLOUD_ENGINE", "process")
    lines: list[str] = []
    run(NOTEBOOKS, tmp_path / "build", (), {}, lines.append, "2h")
    assert [line.split()[0] for line in lines] == [*LESSONS, "all"]
