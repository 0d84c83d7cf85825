"""``make run`` and ``make refresh``: every lesson, in order, and nothing left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from helpers.course.catalogue import CourseError
from helpers.course.execution import LessonFailed
from helpers.course.running import refresh, run
from tests.course.small import code, printed, write_course

HOME = "import os; print(os.environ.get('LOCALCLOUD_HOME'))"


def processes_that_know(text: str) -> list[str]:
    """Return the ids of the processes with ``text`` in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if text.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def test_every_lesson_runs_in_order_in_one_cloud_that_is_gone_afterwards(tmp_path: Path) -> None:
    course = write_course(tmp_path / "course", hello=[code(HOME)], build=[code(HOME)])
    build = tmp_path / "build"
    lines: list[str] = []
    run(course, build, (), {}, lines.append)
    home, other = (printed(build / f"{name}.ipynb").strip() for name in ("00-hello", "01-build"))
    assert home == other
    assert home.startswith("/")
    assert not Path(home).exists()
    assert processes_that_know(home) == []
    assert [line.split()[0] for line in lines] == ["00-hello", "01-build", "all"]
    assert list(json.loads((build / "run.json").read_text())["lessons"]) == ["00-hello", "01-build"]
    assert "<title>hello</title>" in (build / "00-hello.html").read_text()


def test_the_first_failure_ends_the_run_and_the_cloud(tmp_path: Path) -> None:
    course = write_course(
        tmp_path / "course", a=[code(HOME), code("raise OSError('no disk')")], b=[code(HOME)]
    )
    lines: list[str] = []
    with pytest.raises(LessonFailed, match="OSError: no disk"):
        run(course, tmp_path / "build", (), {}, lines.append)
    home = printed(tmp_path / "build" / "00-a.ipynb").strip()
    assert not Path(home).exists()
    assert processes_that_know(home) == []
    assert not (tmp_path / "build" / "01-b.ipynb").exists()
    assert "failed after" in lines[-1]


def test_ctrl_c_stops_the_cloud_too(tmp_path: Path) -> None:
    marker = tmp_path / "home"
    write_course(
        tmp_path / "notebooks",
        a=[
            code(
                "import os, threading; from pathlib import Path\n"
                f"part = Path({str(tmp_path / 'part')!r})\n"
                "part.write_text(os.environ['LOCALCLOUD_HOME'])\n"
                f"part.rename({str(marker)!r}); threading.Event().wait()"
            )
        ],
    )
    runner = subprocess.Popen([sys.executable, "-m", "helpers.course", "run"], cwd=tmp_path)
    while not marker.exists():
        assert runner.poll() is None
        time.sleep(0.02)
    runner.send_signal(signal.SIGINT)
    assert runner.wait(timeout=60) == 128 + signal.SIGINT
    home = marker.read_text()
    assert not Path(home).exists()
    assert processes_that_know(home) == []


def test_the_status_tells_of_a_failure_and_the_message_shows_the_cell(tmp_path: Path) -> None:
    write_course(tmp_path / "notebooks", a=[code("1 / 0")])
    done = subprocess.run(
        [sys.executable, "-m", "helpers.course", "run"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "    | 1 / 0\n" in done.stderr
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")
    assert "Traceback (most recent call last)\nFile" not in done.stderr


def test_a_misspelt_parameter_or_lesson_is_found_before_anything_is_executed(
    tmp_path: Path,
) -> None:
    course = write_course(tmp_path / "course", a=[code(HOME)], b=[code(HOME)])
    build = tmp_path / "build"
    with pytest.raises(CourseError, match="no parameter 'projct'"):
        run(course, build, (), {"projct": "x"}, print)
    with pytest.raises(CourseError, match="no lesson '02-c'; the lessons are: 00-a, 01-b"):
        run(course, build, ("02-c",), {}, print)
    assert not build.exists()


def test_on_google_no_local_cloud_is_started_and_local_lessons_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCALCLOUD_HOME", raising=False)
    course = write_course(
        tmp_path / "course", a=[code(HOME), code("print(cloud)")], b_local_only=[code("1 / 0")]
    )
    lines: list[str] = []
    run(course, tmp_path / "build", (), {"cloud": "google"}, lines.append)
    assert printed(tmp_path / "build" / "00-a.ipynb") == "None\ngoogle\n"
    assert lines[0] == "01-b is left out: not the same cells on Google (local-only)"


def test_refresh_executes_each_lesson_on_its_own_cloud_and_rewrites_it(tmp_path: Path) -> None:
    course = write_course(tmp_path / "course", a=[code(HOME)], b=[code(HOME)])
    lines: list[str] = []
    refresh(course, (), lines.append)
    assert printed(course / "00-a.ipynb") != printed(course / "01-b.ipynb")
    assert f"  +{printed(course / '00-a.ipynb')}".rstrip() in lines[0], "what is new is shown"
    notebook = nbformat.read(course / "00-a.ipynb", as_version=4)
    assert [c.execution_count for c in notebook.cells if c.cell_type == "code"] == [1, 2]
    assert notebook.cells[1].source.startswith("**Time:**")
    assert notebook.cells[-1].source == "Next: [b](01-b.ipynb)"


def test_refresh_leaves_a_failing_lesson_as_it_was(tmp_path: Path) -> None:
    course = write_course(tmp_path / "course", a=[code("1 / 0")])
    before = (course / "00-a.ipynb").read_bytes()
    with pytest.raises(LessonFailed):
        refresh(course, ("00-a",), print)
    assert (course / "00-a.ipynb").read_bytes() == before
