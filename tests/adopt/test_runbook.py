"""``make run`` and ``make refresh`` of a copy, on a notebook that makes nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from helpers.adopt import inside
from helpers.adopt.runbook import main
from tests.course.small import code, printed, write_notebook

HOME = "import os; print(os.environ.get('LOCALCLOUD_HOME'))"


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    return write_notebook(tmp_path / "runbook.ipynb", code("print(project, retries)"), code(HOME))


def test_a_runbook_runs_with_other_parameters_and_stays_as_it_is(notebook: Path) -> None:
    before = notebook.read_bytes()
    done = CliRunner().invoke(main, ["run", "-p", "project", "acme-shop", str(notebook)])
    assert done.exit_code == 0, done.output
    values, home = printed(notebook.parent / "build" / "runbook.ipynb").splitlines()
    assert values == "acme-shop 3"
    assert home != "None"
    assert not Path(home).exists(), "the local cloud must be gone"
    assert "acme-shop" in (notebook.parent / "build" / "runbook.html").read_text()
    assert notebook.read_bytes() == before


def test_on_google_no_local_cloud_is_started(
    notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCALCLOUD_HOME", raising=False)
    done = CliRunner().invoke(main, ["run", "-p", "cloud", "google", str(notebook)])
    assert done.exit_code == 0, done.output
    assert printed(notebook.parent / "build" / "runbook.ipynb").endswith("\nNone\n")


def test_a_misspelt_parameter_is_told_of(notebook: Path) -> None:
    done = CliRunner().invoke(main, ["run", "-p", "projct", "x", str(notebook)])
    assert done.exit_code == 1
    assert "no parameter 'projct'" in done.output


def test_refresh_shows_what_has_changed_before_it_rewrites(notebook: Path) -> None:
    assert CliRunner().invoke(main, ["refresh", str(notebook)]).exit_code == 0
    changed = nbformat.read(notebook, as_version=4)
    changed.cells[2].source = changed.cells[2].source.replace("retries", "retries + 1")
    nbformat.write(changed, notebook)
    done = CliRunner().invoke(main, ["refresh", str(notebook)])
    assert done.exit_code == 0, done.output
    assert "  -hands-on 3\n  +hands-on 4\n" in done.output
    assert printed(notebook).startswith("hands-on 4\n")


def test_a_command_inside_has_a_cloud_and_its_status_is_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    script = (
        f"import os; open({str(home)!r}, 'w').write(os.environ['LOCALCLOUD_HOME']); os._exit(3)"
    )
    done = CliRunner().invoke(inside.main, [sys.executable, "-c", script])
    assert done.exit_code == 3
    assert not Path(home.read_text()).exists()
