"""One lesson: executed with the parameters given, and cleaned up whatever happens."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from helpers.course import execution
from helpers.course.catalogue import CourseError
from helpers.course.execution import LessonFailed, as_html, execute, resolve, without_traces
from helpers.course.surroundings import environment, own_jupyter
from tests.course.small import code, printed, write_notebook


@pytest.fixture(autouse=True)
def jupyter(outside_any_cloud: None, tmp_path: Path) -> Iterator[None]:
    folder = tmp_path / "jupyter"
    folder.mkdir()
    with environment(own_jupyter(folder)):
        yield


def test_the_kernel_is_the_python_of_the_course_whatever_the_user_has_installed(
    tmp_path: Path,
) -> None:
    kernel = tmp_path / "jupyter" / "share" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "mine"}')
    lesson = write_notebook(tmp_path / "a.ipynb", code("import sys; print(sys.executable)"))
    with environment({"JUPYTER_DATA_DIR": str(tmp_path / "jupyter" / "share")}):
        execute(lesson, tmp_path / "out.ipynb", {})
    assert printed(tmp_path / "out.ipynb").strip() == sys.executable


def test_parameters_reach_the_lesson_and_the_lesson_itself_is_not_changed(tmp_path: Path) -> None:
    lesson = write_notebook(tmp_path / "a.ipynb", code("print(cloud, project, retries)"))
    before = lesson.read_bytes()
    values = resolve(lesson, {"project": "123456", "retries": "5"})
    execute(lesson, tmp_path / "out.ipynb", values)
    assert values == {"project": "123456", "retries": 5}
    assert printed(tmp_path / "out.ipynb") == "local 123456 5\n"
    assert lesson.read_bytes() == before


def test_a_misspelt_parameter_is_refused_not_ignored(tmp_path: Path) -> None:
    lesson = write_notebook(tmp_path / "a.ipynb")
    with pytest.raises(CourseError, match="no parameter 'projct'; it has: cloud, project, retries"):
        resolve(lesson, {"projct": "mine"})


def test_a_value_of_the_wrong_kind_is_refused(tmp_path: Path) -> None:
    lesson = write_notebook(tmp_path / "a.ipynb")
    with pytest.raises(CourseError, match="retries=many is not a literal"):
        resolve(lesson, {"retries": "many"})


def test_a_lesson_runs_in_its_own_folder(tmp_path: Path) -> None:
    folder = tmp_path / "with a space"
    folder.mkdir()
    lesson = write_notebook(folder / "a.ipynb", code("import os; print(os.getcwd())"))
    execute(lesson, tmp_path / "out.ipynb", {})
    assert printed(tmp_path / "out.ipynb").strip() == str(folder)


def test_a_failing_cell_is_shown_with_its_error_and_the_lesson_still_cleans_up(
    tmp_path: Path,
) -> None:
    lesson = write_notebook(
        tmp_path / "a.ipynb",
        code("raise ValueError('no such service')"),
        code("print('never reached')"),
        code("1 / 0", "clean-up"),
        code("print('cleaned up')", "clean-up"),
    )
    with pytest.raises(LessonFailed) as failure:
        execute(lesson, tmp_path / "out.ipynb", {})
    message = str(failure.value)
    assert message.startswith("  in cell 3 of 6:\n    | raise ValueError('no such service')\n")
    assert message.endswith("ValueError: no such service")
    assert "\x1b" not in message
    assert printed(tmp_path / "out.ipynb") == "cleaned up\n"


def test_a_cell_that_hangs_is_ended_and_the_lesson_still_cleans_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "CELL_TIMEOUT", 2)
    lesson = write_notebook(
        tmp_path / "a.ipynb",
        code("import threading; threading.Event().wait()"),
        code("print('cleaned up')", "clean-up"),
    )
    with pytest.raises(LessonFailed, match="it took longer than 2 s"):
        execute(lesson, tmp_path / "out.ipynb", {})
    assert printed(tmp_path / "out.ipynb") == "cleaned up\n"


def test_a_kernel_that_dies_is_a_failure_not_a_hang(tmp_path: Path) -> None:
    lesson = write_notebook(tmp_path / "a.ipynb", code("import os; os._exit(3)"))
    with pytest.raises(LessonFailed, match="the kernel died"):
        execute(lesson, tmp_path / "out.ipynb", {})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_cell_and_the_lesson_still_cleans_up(
    tmp_path: Path, number: signal.Signals
) -> None:
    marker = tmp_path / "running"
    lesson = write_notebook(
        tmp_path / "a.ipynb",
        code(f"open({str(marker)!r}, 'w'); import threading; threading.Event().wait()"),
        code("print('never reached')"),
        code("print('cleaned up')", "clean-up"),
    )
    script = (
        "import sys; from pathlib import Path; from helpers.course.execution import execute\n"
        "execute(Path(sys.argv[1]), Path(sys.argv[2]), {})"
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", script, str(lesson), str(tmp_path / "out.ipynb")],
        stderr=subprocess.PIPE,
        text=True,
    )
    while not marker.exists():
        assert runner.poll() is None
        time.sleep(0.02)
    runner.send_signal(number)
    _, errors = runner.communicate(timeout=60)
    assert runner.returncode == 128 + number
    assert "Traceback" not in errors
    assert printed(tmp_path / "out.ipynb") == "cleaned up\n"


def test_what_goes_into_git_has_counts_and_outputs_but_no_time_stamps(tmp_path: Path) -> None:
    lesson = write_notebook(tmp_path / "a.ipynb", code("print('hello')"))
    texts = []
    for name in ("one", "two"):
        execute(lesson, tmp_path / f"{name}.ipynb", {})
        clean = without_traces(nbformat.read(tmp_path / f"{name}.ipynb", as_version=4))
        assert [cell.execution_count for cell in clean.cells[1:]] == [1, 2]
        texts.append(nbformat.writes(clean))
    assert texts[0] == texts[1]
    assert "hello" in texts[0]
    assert "papermill" not in texts[0]


def test_the_page_of_a_lesson_can_be_read_without_a_network(tmp_path: Path) -> None:
    lesson = write_notebook(tmp_path / "a.ipynb", code("print('he' + 'llo')"))
    page = as_html(execute(lesson, tmp_path / "out.ipynb", {}), "Say hello")
    assert "hello" in page
    assert "<title>Say hello</title>" in page
    for start in ('src="http', "src='http", 'rel="stylesheet" href="http', "url(http"):
        assert start not in page


def test_a_picture_says_on_the_page_what_it_shows(tmp_path: Path) -> None:
    """Else whoever can't see it is told that nobody described it."""
    draw = "from helpers import pictures; pictures.chain(['a', 'b'], ['a & b'])"
    lesson = write_notebook(tmp_path / "a.ipynb", code(draw))
    page = as_html(execute(lesson, tmp_path / "out.ipynb", {}), "Draw")
    assert "from a to b: a &amp; b." in page
    assert "No description has been provided" not in page
