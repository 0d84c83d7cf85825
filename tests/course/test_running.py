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
from helpers.course.side_by_side import shares
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


def test_lessons_at_once_have_a_cloud_each(tmp_path: Path) -> None:
    """A cloud has one clock: a lesson that waits a day would spoil another's tokens."""
    meet = (
        "from pathlib import Path; import time\n"
        f"here = Path({str(tmp_path)!r}, project)\n"
        "(here / str(os.getpid())).touch()\n"
        "while len(list(here.iterdir())) < 2: time.sleep(0.02)"
    )
    (tmp_path / "met").mkdir()
    course = write_course(
        tmp_path / "course", **{name: [code(HOME), code(meet)] for name in ("a", "b")}
    )
    lines: list[str] = []
    build = tmp_path / "build"
    run(course, build, (), {"project": "met"}, lines.append, at_once=2)
    homes = {printed(build / f"{name}.ipynb").strip() for name in ("00-a", "01-b")}
    assert len(homes) == 2
    assert all(processes_that_know(home) == [] for home in homes)
    names = [line.split()[0] for line in lines]
    assert (sorted(names[:2]), names[2:]) == (["00-a", "01-b"], ["all"])
    assert list(json.loads((build / "run.json").read_text())["lessons"]) == ["00-a", "01-b"]


def test_lessons_are_shared_out_so_that_all_processes_end_together() -> None:
    lessons = {"a": 5, "b": 10, "c": 50, "d": 20, "e": 25}
    assert shares(lessons, 2) == [["a", "c"], ["b", "d", "e"]]
    assert shares(dict.fromkeys("abc", 5), 9) == [["a"], ["b"], ["c"]]


def test_the_first_failure_ends_the_lessons_beside_it(tmp_path: Path) -> None:
    marker = tmp_path / "home"
    wait = f"from pathlib import Path; import time\nmarker = Path({str(marker)!r})\n"
    course = write_course(
        tmp_path / "course",
        a=[code(wait + "while not marker.exists(): time.sleep(0.02)"), code("1 / 0")],
        b=[code(hangs(marker))],
        c=[code(HOME)],
    )
    with pytest.raises(LessonFailed, match=r"(?s)00-a .*failed after.*division by zero"):
        run(course, tmp_path / "build", (), {}, print, at_once=2)
    home = marker.read_text()
    assert not Path(home).exists()
    assert processes_that_know(home) == []
    assert not (tmp_path / "build" / "02-c.ipynb").exists()


def hangs(marker: Path) -> str:
    """Return the source of a cell that tells its home and never ends."""
    return (
        "import os, threading; from pathlib import Path\n"
        f"part = Path({str(marker.with_suffix('.part'))!r})\n"
        "part.write_text(os.environ['LOCALCLOUD_HOME'])\n"
        f"part.rename({str(marker)!r}); threading.Event().wait()"
    )


@pytest.mark.parametrize("at_once", [1, 2])
def test_ctrl_c_stops_the_clouds_too(tmp_path: Path, at_once: int) -> None:
    markers = [tmp_path / name for name in ("a", "b")[:at_once]]
    lessons = {marker.name: [code(hangs(marker))] for marker in markers}
    write_course(tmp_path / "notebooks", **lessons)
    command = [sys.executable, "-m", "helpers.course", "run", "--at-once", str(at_once)]
    runner = subprocess.Popen(command, cwd=tmp_path)
    while not all(marker.exists() for marker in markers):
        assert runner.poll() is None
        time.sleep(0.02)
    runner.send_signal(signal.SIGINT)
    assert runner.wait(timeout=60) == 128 + signal.SIGINT
    for marker in markers:
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


TAGGED = [code("print('by VPN')", "needs-vpn"), code("print('more')", "extra"), code("print(1)")]


def test_what_needs_a_vpn_is_left_out_on_google_alone(tmp_path: Path) -> None:
    """Nobody has a VPN at hand, and the rest of the lesson is worth having."""
    course = write_course(tmp_path / "course", a=TAGGED)
    run(course, tmp_path / "build", (), {"cloud": "google"}, print)
    assert printed(tmp_path / "build" / "00-a.ipynb") == "more\n1\n"


def test_a_track_takes_of_its_lessons_what_a_session_has_time_for(tmp_path: Path) -> None:
    course = write_course(tmp_path / "course", a=TAGGED, b=[code("1 / 0")], c=TAGGED)
    with (course / "course.toml").open("a") as file:
        file.write('[[track]]\nname = "1h"\nminutes = 60\nlessons = ["00-a.ipynb", "02-c.ipynb"]')
    build = tmp_path / "build"
    run(course, build, (), {}, print, "1h")
    assert [path.name for path in sorted(build.glob("*.ipynb"))] == ["00-a.ipynb", "02-c.ipynb"]
    assert printed(build / "00-a.ipynb") == "by VPN\n1\n"
    with pytest.raises(CourseError, match="no track '3h'; the tracks are: 1h"):
        run(course, build, (), {}, print, "3h")
    with pytest.raises(CourseError, match="no lesson '01-b'; the lessons are: 00-a, 02-c"):
        run(course, build, ("01-b",), {}, print, "1h")


def test_refresh_executes_each_lesson_on_its_own_cloud_and_rewrites_it(tmp_path: Path) -> None:
    course = write_course(tmp_path / "course", a=[code(HOME)], b=[code(HOME)])
    lines: list[str] = []
    refresh(course, (), lines.append)
    assert printed(course / "00-a.ipynb") != printed(course / "01-b.ipynb")
    assert f"  +{printed(course / '00-a.ipynb')}".rstrip() in lines[0], "what is new is shown"
    notebook = nbformat.read(course / "00-a.ipynb", as_version=4)
    assert [c.execution_count for c in notebook.cells if c.cell_type == "code"] == [1, 2]
    assert "run in about 5 s." in notebook.cells[1].source
    assert notebook.cells[-1].source == "Next: [b](01-b.ipynb)"


def test_refresh_leaves_a_failing_lesson_as_it_was(tmp_path: Path) -> None:
    course = write_course(tmp_path / "course", a=[code("1 / 0")])
    before = (course / "00-a.ipynb").read_bytes()
    with pytest.raises(LessonFailed):
        refresh(course, ("00-a",), print)
    assert (course / "00-a.ipynb").read_bytes() == before
